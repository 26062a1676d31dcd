"""Make and keep archives: inventory, plans in turn, jobs, cache, indexer; and the doctor's reports."""
