"""The index of readings: both files of a lab as one set, sorted, in parts, and what grew is read alone."""
