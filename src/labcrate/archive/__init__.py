"""ZIP archives as values: members with known checksums give a length, an ETag and any range of bytes.

``records`` packs single ZIP structures, ``layout`` computes every offset, ``entity`` returns the bytes, and
``copying`` writes them to a file. ``manifest``, ``directory`` and ``members`` read back what ``verify`` checks.
``names`` has the rules for member names, ``keys`` and ``signature`` sign archives and check signatures.
"""
