"""The pure-ZIP room: members with known fixity become a value with a length, an ETag and any range of bytes.

``records`` packs single ZIP structures, ``layout`` computes every offset, ``entity`` gives the bytes,
``copying`` writes them to a file, ``manifest`` and ``directory`` read back what ``verify`` checks.
"""
