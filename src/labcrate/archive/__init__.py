"""The pure-ZIP room: members with known fixity become a value with a length, an ETag and any range of bytes.

``records`` packs single ZIP structures, ``layout`` computes every offset, ``entity`` gives the bytes,
``copying`` writes them to a file; ``manifest``, ``directory`` and ``members`` read back what ``verify`` checks;
``names`` says what a member may be called.
"""
