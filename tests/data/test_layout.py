import shutil

import pytest

from harness.data.layout import LAYOUTS
from harness.data.source import open_source
from harness.errors import UsageError
from tests.support import data_layout as layout

BUILT = {
    "asvspoof2019-la": layout.asvspoof2019,
    "asvspoof2021-la": lambda root: layout.asvspoof2021(root, "LA"),
    "asvspoof2021-df": lambda root: layout.asvspoof2021(root, "DF"),
    "asvspoof5": layout.asvspoof5,
    "in-the-wild": layout.in_the_wild,
    "wavefake": layout.wavefake,
    "mlaad": layout.mlaad,
    "for": layout.fake_or_real,
}

# clip_id | label | generator | source | speaker | group, where group "=" is the clip_id
EXPECTED = {
    "asvspoof2019-la": """
        ASVspoof2019_LA_eval/flac/LA_E_2834763.flac|fake|A11|ASVspoof2019-LA|LA_0039|LA_0039
        ASVspoof2019_LA_eval/flac/LA_E_8877452.flac|real||ASVspoof2019-LA|LA_0014|LA_0014
    """,
    "asvspoof2021-la": """
        ASVspoof2021_LA_eval/flac/LA_E_5013670.flac|real||ASVspoof2021-LA/none|LA_0010|LA_0010
        ASVspoof2021_LA_eval/flac/LA_E_9332881.flac|fake|A07|ASVspoof2021-LA/alaw|LA_0009|LA_0009
    """,
    "asvspoof2021-df": """
        ASVspoof2021_DF_eval/flac/DF_E_2000013.flac|fake|Task1-team20|vcc2020/low_m4a|TEF2|TEF2
        ASVspoof2021_DF_eval/flac/DF_E_2000058.flac|real||asvspoof/mp3m4a|LA_0048|LA_0048
    """,
    "asvspoof5": """
        flac_E_eval/E_0000000001.flac|fake|A22|ASVspoof5/C05|E_0001|E_0001
        flac_E_eval/E_0000000002.flac|real||ASVspoof5|E_0002|E_0002
    """,
    "in-the-wild": """
        0.wav|fake||In-the-Wild|Alec Guinness|Alec Guinness
        1.wav|real||In-the-Wild|Sagan, Carl|Sagan, Carl
    """,
    "wavefake": """
        LJSpeech-1.1/wavs/LJ001-0001.wav|real||WaveFake/ljspeech|ljspeech|ljspeech/LJ001-0001
        made/common_voices_prompts_x/gen_0.wav|fake|common_voices_prompts_x|WaveFake/ljspeech|ljspeech|=
        made/jsut_pwg/BASIC5000_0001_gen.wav|fake|jsut_pwg|WaveFake/jsut|jsut|jsut/BASIC5000_0001
        made/ljspeech_hifiGAN/LJ001-0001_generated.wav|fake|ljspeech_hifiGAN|WaveFake/ljspeech|ljspeech|ljspeech/LJ001-0001
        made/ljspeech_melgan/LJ001-0001_gen.wav|fake|ljspeech_melgan|WaveFake/ljspeech|ljspeech|ljspeech/LJ001-0001
        made/ljspeech_waveglow/LJ001-0002.wav|fake|ljspeech_waveglow|WaveFake/ljspeech|ljspeech|ljspeech/LJ001-0002
        jsut_ver1.1/basic5000/wav/BASIC5000_0001.wav|real||WaveFake/jsut|jsut|jsut/BASIC5000_0001
    """.replace("made/", "generated_audio/"),
    "mlaad": """
        fake/en/model_x/a_000001.wav|fake|vits|MLAAD||female/judy/novel/wavs/n_01
        fake/en/model_x/a_000002.wav|fake|model_x|MLAAD||=
        real/en_US/by_book/female/judy/novel/wavs/n_01.wav|real||M-AILABS|judy|female/judy/novel/wavs/n_01
    """,
    "for": """
        for-2sec/for-2seconds/testing/fake/file2.wav|fake||FoR/for-2seconds||=
        for-2sec/for-2seconds/testing/real/file1.wav|real||FoR/for-2seconds||=
    """,
}  # fmt: skip


def expected(kind):
    rows = [line.strip().split("|") for line in EXPECTED[kind].strip().splitlines()]
    return [(*row[:5], row[0] if row[5] == "=" else row[5]) for row in rows]


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_layout_is_read_by_name_and_recognised_without(tmp_path, kind):
    root = BUILT[kind](tmp_path / "data")
    named, plain = open_source(f"{kind}:{root}"), open_source(str(root))
    found = [
        (clip.clip_id, clip.label, clip.generator, clip.source, clip.speaker, clip.group)
        for clip in named
    ]
    assert found == expected(kind)
    assert list(plain) == list(named)
    assert (plain.origin.kind, plain.origin.digest) == (kind, named.origin.digest)
    assert all(clip.audio == root / clip.clip_id for clip in named)


def test_a_subset_is_named_after_a_colon(tmp_path):
    layout.asvspoof2019(tmp_path)
    dev = open_source(f"asvspoof2019-la:{tmp_path}:dev")
    assert [clip.generator for clip in dev] == ["A01", "A02", ""]
    assert dev.origin.name == "asvspoof2019-la-dev"
    with pytest.raises(UsageError, match=r"no subset 'progress'; take eval, dev, train"):
        open_source(f"asvspoof2019-la:{tmp_path}:progress")


def test_wavefake_says_which_folders_it_left_out(tmp_path):
    notes = open_source(f"wavefake:{layout.wavefake(tmp_path)}").origin.notes
    assert "neither a vocoder's folder nor the originals': unknown_vocoder" in notes


def test_mlaad_alone_is_refused_with_what_to_add(tmp_path):
    shutil.rmtree(layout.mlaad(tmp_path) / "real")
    with pytest.raises(UsageError, match=r"only fake clips \(2\).*link the real recordings"):
        open_source(str(tmp_path))


def test_wavefake_without_originals_has_one_class(tmp_path):
    shutil.rmtree(layout.wavefake(tmp_path) / "LJSpeech-1.1")
    shutil.rmtree(tmp_path / "jsut_ver1.1")
    with pytest.raises(UsageError, match=r"only fake clips \(5\)"):
        open_source(f"wavefake:{tmp_path}")


def test_two_versions_of_for_must_be_told_apart(tmp_path):
    layout.fake_or_real(tmp_path)
    layout.record(tmp_path / "for-norm/for-norm/testing/real/file1.wav")
    with pytest.raises(UsageError, match=r"more than one testing: for-2sec.*for-norm"):
        open_source(f"for:{tmp_path}")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("LA_0039 LA_E_2834763 - spoof", "line 1: 4 columns instead of 5"),
        ("LA_0039 LA_E_2834763 - A11 1", "line 1: label '1' does not say which class it is"),
        ("LA_0039 ../../x - A11 spoof", "x.flac is listed at a place outside of it; check the"),
        ("LA_0039 /etc/x - A11 spoof", "x.flac is listed at a place outside of it; check the"),
        ("", "no clips .*; check that the recordings are where it says"),
    ],
)
def test_a_broken_protocol_is_named_by_line(tmp_path, line, message):
    root = layout.asvspoof2019(tmp_path)
    layout.write(next(root.glob("*/*.eval.trl.txt")), line)
    with pytest.raises(UsageError, match=message):
        open_source(f"asvspoof2019-la:{root}")


def test_a_protocol_that_is_no_text_is_refused(tmp_path):
    root = layout.asvspoof2019(tmp_path / "19")
    next(root.glob("*/*.eval.trl.txt")).write_bytes(bytes(range(256)))
    with pytest.raises(UsageError, match="a file of asvspoof2019-la cannot be read: 'utf-8'"):
        open_source(f"asvspoof2019-la:{root}")
    root = layout.in_the_wild(tmp_path / "wild")
    layout.write(root / "meta.csv", "file,speaker,label", f"{'x' * 10**6},s,spoof")
    with pytest.raises(UsageError, match="a file of in-the-wild cannot be read: field larger"):
        open_source(f"in-the-wild:{root}")


def test_a_root_that_is_named_by_a_way_up_is_fine(tmp_path):
    root = layout.asvspoof2019(tmp_path / "19")
    assert len(open_source(f"asvspoof2019-la:{tmp_path}/19/../{root.name}")) == 2


def test_missing_audio_folder_and_wrong_keys_are_refused(tmp_path):
    root = layout.asvspoof5(tmp_path / "5")
    shutil.rmtree(root / "flac_E_eval")
    with pytest.raises(UsageError, match=r"no flac_E_eval in it"):
        open_source(f"asvspoof5:{root}")
    root = layout.asvspoof2021(tmp_path / "21", "LA")
    (root / "keys/LA").rename(root / "keys/DF")
    (root / "ASVspoof2021_LA_eval").rename(root / "ASVspoof2021_DF_eval")
    with pytest.raises(UsageError, match=r"LA_E_9332881 is not of the DF part"):
        open_source(f"asvspoof2021-df:{root}")


def test_a_missing_recording_is_no_fault_of_the_listing(tmp_path):
    source = open_source(f"asvspoof2019-la:{layout.asvspoof2019(tmp_path)}")
    assert [clip.audio.exists() for clip in source] == [True, False]
