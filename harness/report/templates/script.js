"use strict";
(() => {
  const page = JSON.parse(document.getElementById("charts").textContent);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Charts. Rows are kept by column; a chart is a specification, its rows and its parameters.
  const tip = document.getElementById("tip");

  function showTip(handler, event, item, value) {
    tip.hidden = value === null || value === undefined || value === "";
    if (tip.hidden) return;
    tip.textContent = Object.entries(value).map(([key, text]) => `${key} ${text}`).join("\n");
    const { clientX: x, clientY: y } = event;
    const left = Math.max(8, Math.min(x + 14, innerWidth - tip.offsetWidth - 8));
    tip.style.left = `${left}px`;
    tip.style.top = `${Math.max(8, y - tip.offsetHeight - 12)}px`;
  }

  function rowsOf(columns) {
    const names = Object.keys(columns);
    return columns[names[0]].map((_, i) =>
      Object.fromEntries(names.map((name) => [name, columns[name][i]])));
  }

  async function draw(place) {
    const chart = page.charts[place.dataset.chart];
    const spec = structuredClone(page.specs[chart.spec]);
    spec.datasets = { ...spec.datasets, rows: rowsOf(chart.columns) };
    for (const param of spec.params ?? []) {
      if (param.name in chart.params) param.value = chart.params[param.name];
    }
    if (spec.datasets.rows.length) {
      await vegaEmbed(place, spec, {
        mode: "vega-lite", ast: true, actions: false, renderer: "svg", defaultStyle: false,
        tooltip: showTip,
      });
    } else {
      place.textContent = "Nothing was measured here.";
    }
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", chart.words);
    place.removeAttribute("aria-roledescription");
    place.dataset.drawn = place.dataset.chart;
  }

  async function drawAll(root) {
    for (const place of all("[data-chart]", root)) {
      if (place.dataset.drawn === place.dataset.chart) continue;
      try {
        await draw(place);
      } catch (fault) {
        place.textContent = "This chart could not be drawn; its figures are in the tables.";
        console.error(fault);
      }
    }
  }

  for (const select of all("[data-choose]")) {
    select.addEventListener("change", () => {
      const place = document.querySelector(`.chosen.${select.dataset.choose}`);
      place.dataset.chart = select.value;
      drawAll(place.parentElement);
    });
  }

  document.getElementById("no-script").hidden = true;

  // Models: one panel at a time.
  const panels = all(".panel");

  function choose(number) {
    for (const panel of panels) panel.hidden = panel.dataset.model !== number;
    return drawAll(panels.find((panel) => !panel.hidden) ?? document);
  }

  for (const radio of all('[name="model"]')) {
    radio.addEventListener("change", () => choose(radio.value));
  }

  // Sorting: what is missing stays last, whichever way.
  function sort(head) {
    const table = head.closest("table");
    const body = table.tBodies[0];
    const column = head.cellIndex;
    const first = head.classList.contains("num") ? "descending" : "ascending";
    const second = first === "ascending" ? "descending" : "ascending";
    const order = head.getAttribute("aria-sort") === first ? second : first;
    for (const other of all("th[aria-sort]", table)) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const keyed = [...body.rows].map((row) => {
      const cell = row.cells[column];
      const text = cell.dataset.v ?? cell.textContent.trim();
      return { row, text, number: cell.dataset.v === undefined ? NaN : parseFloat(text) };
    });
    keyed.sort((a, b) => {
      if (!a.text || !b.text) return Number(!a.text) - Number(!b.text);
      if (!Number.isNaN(a.number) && !Number.isNaN(b.number)) return sign * (a.number - b.number);
      return sign * a.text.localeCompare(b.text, "en", { numeric: true });
    });
    body.append(...keyed.map((each) => each.row));
  }

  for (const button of all("th[aria-sort] button")) {
    button.addEventListener("click", () => sort(button.parentElement));
  }

  // Filtering: every word has to occur in the row, in what is not a number.
  for (const input of all("[data-filter]")) {
    const table = document.getElementById(input.dataset.filter);
    const output = document.querySelector(`[data-count="${CSS.escape(input.dataset.filter)}"]`);
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of table.tBodies[0].rows) {
        const text = all("th, td:not(.num)", row).map((cell) => cell.textContent).join(" ").toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        shown += row.hidden ? 0 : 1;
      }
      output.textContent = words.length ? `${shown} of ${table.tBodies[0].rows.length}` : "";
    });
  }

  // Columns of the table of all figures: a group at a time.
  function showGroup(radio) {
    for (const cell of all(".g", document.getElementById(radio.dataset.columns))) {
      cell.hidden = !cell.classList.contains(`g-${radio.value}`);
    }
  }

  for (const set of all(".groups")) set.hidden = false;
  for (const radio of all("[data-columns]")) {
    radio.addEventListener("change", () => showGroup(radio));
    if (radio.checked) showGroup(radio);
  }

  // A panel that is hidden has no width to draw at; it is drawn when it is chosen.
  choose(panels[0]?.dataset.model).then(() => { document.documentElement.dataset.ready = "yes"; });
})();
