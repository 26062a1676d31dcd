// Lists size and name of every member, then the CRC-32 of all their bytes one after another; nothing is taken from
// the archive's own checksums. With a path: java.util.zip.ZipFile; without: ZipInputStream on standard input.
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.zip.*;

class ReadZip {
    static final byte[] buffer = new byte[1 << 20];
    static final CRC32 all = new CRC32();
    static final PrintStream out = new PrintStream(
        new BufferedOutputStream(new FileOutputStream(FileDescriptor.out)), false, StandardCharsets.UTF_8);

    static void read(ZipEntry entry, InputStream data) throws IOException {
        long length = 0;
        for (int got; (got = data.read(buffer)) > 0; length += got) all.update(buffer, 0, got);
        if (entry.getSize() != length) throw new IOException("size of " + entry.getName());
        out.println(length + " " + entry.getName());
    }

    public static void main(String[] words) throws IOException {
        if (words.length == 0) {
            ZipInputStream zip = new ZipInputStream(System.in);
            for (ZipEntry entry; (entry = zip.getNextEntry()) != null; ) read(entry, zip);
        } else try (ZipFile zip = new ZipFile(words[0])) {
            for (ZipEntry entry : Collections.list(zip.entries()))
                try (InputStream data = zip.getInputStream(entry)) { read(entry, data); }
        }
        out.println(all.getValue());
        out.flush();
    }
}
