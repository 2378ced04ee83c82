"""The commands, a function each: parse, call, print. `harness.cli` puts them together."""
