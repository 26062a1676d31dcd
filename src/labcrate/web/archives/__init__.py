"""The way to an archive: the lab's inventory, plans in turn, the fixity of recordings, and archives that are kept."""
