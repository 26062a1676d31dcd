"""The index: what was learned of each file of the lab, and can be learned again."""
