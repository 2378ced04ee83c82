"""Where clips come from: every source turns what it finds into `Clip`s."""
