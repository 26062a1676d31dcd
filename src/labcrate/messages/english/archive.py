"""The English text of the messages of the ZIP, by id."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str | tuple[str, str]] = {
    "key.cannot_open": (
        "{file} is not a public key, and not a file that can be opened ({reason}); give the lab's public key, a text that begins with RW, or the file that contains it."
    ),
    "key.file_too_large": "it is larger than {most} bytes",
    "key.has_password": "it has a password, and labcrate signs only with a key that has none",
    "key.no_public_key_in_file": (
        "{file} does not contain a minisign public key; give the lab's public key, a text that begins with RW, or the file that contains it."
    ),
    "key.not_a_file": "it is not a file",
    "key.not_a_public_key": "it is not a minisign public key",
    "manifest.invalid_line": "line {line} is not a SHA-256, two spaces and a name",
    "manifest.line_too_long": "line {line} is too long; it and all lines after it were not read",
    "manifest.names_itself": "line {line} names the manifest itself",
    "manifest.no_line_break": "the last line has no line break",
    "manifest.repeated_name": "line {line} names a file that an earlier line names",
    "manifest.too_many_lines": "there are more than {most} lines; the others were not read",
    "name.control_character": "it contains {character}, a control character or one that reverses text",
    "name.ends_in_dot": "a part of it ends in a dot or space, which Windows drops",
    "name.ends_in_version": "a part of it ends in a semicolon, or in a semicolon and digits, which unzip drops",
    "name.folder_of": "it is also the name of the folder that contains {other}",
    "name.invalid": "it is empty or absolute, or has an empty, '.' or '..' part, a backslash or a control character",
    "name.not_composed": "it is not in composed form (NFC)",
    "name.not_utf8": "it is not UTF-8",
    "name.part_too_long": "a part of it is longer than {most} bytes",
    "name.reserved": "a part of it is a reserved name in Windows or Git",
    "name.same_as": "some systems cannot distinguish it from {other}, because of case or Unicode form",
    "name.too_long": "it is longer than {most} bytes",
    "name.windows_character": "it contains {character}, which Windows forbids",
    "signature.archive_changed": "{file} was not checked: the archive changed meanwhile; check it again",
    "signature.cannot_open": (
        "{file} cannot be opened ({reason}), so nothing shows who made the archive; get archive and signature again from the lab"
    ),
    "signature.no_manifest": (
        "{file} exists, but the archive has no {manifest} to which it could belong; get archive and signature again from the lab"
    ),
    "signature.no_match": (
        "{file} does not match this archive's {manifest} and key {key}: archive or signature was altered, or they do not belong together; get archive and signature again from the lab"
    ),
    "signature.not_a_signature": (
        "{file} is not a minisign signature ({reason}); get archive and signature again from the lab"
    ),
    "signature.not_hashed": (
        "{file} signs the bytes themselves, as minisign did before version 0.10, and not their hash; have the archive signed again"
    ),
    "signature.other_key": (
        "{file} was made with key {found}, not with key {expected}; trust it only if the lab confirms that {found} is its key"
    ),
    "source.cannot_open": (
        "{file} cannot be opened any more ({reason}); run the export again when no program is changing the file."
    ),
    "source.cannot_read": (
        "{file} cannot be read any more ({reason}); run the export again when no program is changing the file."
    ),
    "source.changed": (
        "{file} has changed since the export was planned; run the export again when no program is changing the file."
    ),
    "source.ends_early": (
        "{file} has become shorter since the export was planned: it ends at byte {offset}; run the export again when no program is changing the file."
    ),
    "verify.central_header": "its central header is not as labcrate writes it: {fields}",
    "verify.crc32": "its CRC-32 is {found}, but {expected} in the central directory",
    "verify.data_too_long": "its data do not end before byte {limit}, where the next file starts",
    "verify.directory_offset": "the central directory starts at byte {offset} instead of {expected}",
    "verify.end_changed": "the end of the archive is not as labcrate writes it: it was changed",
    "verify.local_header": "its local header is not as labcrate writes it: {fields}",
    "verify.manifest_too_large": "is {limit}, so no SHA-256 can be checked",
    "verify.member": "{member}: {problem}",
    "verify.member_offset": "starts at byte {offset} instead of {expected}",
    "verify.more_findings": (
        "{count} further finding is not listed",
        "{count} further findings are not listed",
    ),
    "verify.name_not_allowed": "its name is not allowed: {problem}",
    "verify.no_local_header": "its local header is not at byte {offset}, or is incomplete",
    "verify.no_manifest": "is missing, so no SHA-256 can be checked; export the session again",
    "verify.not_in_archive": "is in the manifest, but not in the archive",
    "verify.not_in_manifest": "is in the archive, but not in its manifest",
    "verify.not_stored": "it is not stored uncompressed, so another program packed it; its data were not read",
    "verify.overlaps": "lies before or inside another file of the archive, so it was not read",
    "verify.sha256": "its SHA-256 is {found}, but {expected} in the manifest",
    "verify.twice": "is in the archive twice",
    "zip.became_shorter": "it became shorter while it was read",
    "zip.cannot_open": "{file} cannot be opened ({reason}); name a ZIP that labcrate exported.",
    "zip.cannot_read": "{file} cannot be read ({reason}); check the disk, then try again.",
    "zip.cut_short": (
        "{file} is a ZIP that was cut short: its end record is missing; get it again from the place where it was exported."
    ),
    "zip.damaged": "{file} is a damaged ZIP: {problem}; get it again from the place where it was exported.",
    "zip.directory_cut": "its central directory ends within a header",
    "zip.directory_too_large": (
        "{file} has a central directory that is {limit}. labcrate exports no archive like that; name a file that it exported."
    ),
    "zip.directory_unreadable": "its central directory cannot be read from byte {position} on",
    "zip.end_points_outside": "its end record points outside the file",
    "zip.invalid_path": "invalid file name",
    "zip.no_zip64_end": "its ZIP64 end record is missing",
    "zip.no_zip64_locator": "the locator of its ZIP64 end record is missing",
    "zip.not_a_file": "{file} is not a file; name a ZIP that labcrate exported.",
    "zip.not_a_zip": (
        "{file} is not a ZIP. Name a file that labcrate exported; if this is one, get it again from the place where it was exported."
    ),
    "zip.size_limit": "{size} bytes long, and at most {most} bytes are read",
    "zip.too_many_members": (
        "{file} contains more than {most} files. labcrate exports no archive like that; name a file that it exported."
    ),
}
