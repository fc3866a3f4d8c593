// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.manifest;

import io.saeflow.schemas.tensorfile.FileDigest;
import io.saeflow.sinks.files.AtomicFile;
import io.saeflow.sinks.files.Durability;
import io.saeflow.sinks.files.OutputFolder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;

/**
 * {@code checksums/<sink>/<sae id>.sha256}: the SHA-256 of each file that a sink wrote for an
 * autoencoder, in the lines that {@code sha256sum --check} reads in the output folder: 64
 * hexadecimal digits, two spaces, the path. Lines are ascending by path.
 */
public final class Checksums {
  /** The folder, below the output folder. */
  public static final String FOLDER = "checksums";

  /** Between a digest and its path. */
  public static final String SEPARATOR = "  ";

  private Checksums() {}

  /** Where the checksums of a sink's files are, relative to the output folder. */
  public static String file(String sink, String sae) {
    return "%s/%s/%s.sha256".formatted(FOLDER, sink, sae);
  }

  /**
   * Reads the files once and writes their checksums, replacing those of an earlier run.
   *
   * @return the SHA-256 of the checksums' own file
   * @throws IOException if there are not as many files as {@code files} says
   */
  static String write(OutputFolder out, SinkFiles files) throws IOException {
    Path folder = out.resolve(files.folder());
    TreeSet<String> names = names(folder);
    if (names.size() != files.files()) {
      throw new IOException(
          "%s: %d files (expected: %d)".formatted(folder, names.size(), files.files()));
    }
    List<String> lines;
    try {
      // There are 100,000 files, and at the end of a run no other work.
      lines = names.parallelStream().map(name -> line(folder, files, name)).toList();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
    Path target = out.resolve(file(files.sink(), files.sae()));
    AtomicFile.write(
        target,
        Durability.FORCED,
        file -> file.write(String.join("", lines).getBytes(StandardCharsets.UTF_8)));
    return FileDigest.sha256(target);
  }

  private static String line(Path folder, SinkFiles files, String name) {
    try {
      String digest = FileDigest.sha256(folder.resolve(name));
      return digest + SEPARATOR + files.folder() + "/" + name + "\n";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What is not hidden: a file that is still being written is. */
  private static TreeSet<String> names(Path folder) throws IOException {
    TreeSet<String> names = new TreeSet<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder)) {
      for (Path entry : entries) {
        String name = entry.getFileName().toString();
        if (!name.startsWith(".") && Files.isRegularFile(entry, LinkOption.NOFOLLOW_LINKS)) {
          names.add(name);
        }
      }
    }
    return names;
  }
}
