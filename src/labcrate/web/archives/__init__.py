"""Archives of the server: inventory, plan queue, preparation jobs, caches and indexer; and the doctor's reports."""
