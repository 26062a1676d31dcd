"""The checks of ``labcrate doctor``: problems of a lab or of one session, each with its remedy."""
