// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.files;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/** Writes a file aside and moves it into place, so that no reader sees half of one. */
public final class AtomicFile {
  /** Writes a file's bytes. */
  @FunctionalInterface
  public interface Content {
    /**
     * Writes all of them.
     *
     * @param out not buffered: each write is a call of the system; closed by the caller
     */
    void writeTo(OutputStream out) throws IOException;
  }

  private AtomicFile() {}

  /**
   * Writes {@code target}, replacing it if it exists; its folders are made. While it is written it
   * is called {@code .<name>.part}, in the same folder; on failure that is removed.
   *
   * @throws IOException as {@link #notWritten}
   */
  public static void write(Path target, Durability durability, Content content) throws IOException {
    Path folder = folder(target);
    try {
      make(folder);
    } catch (IOException e) {
      throw notWritten(folder, e);
    }
    Path aside = folder.resolve("." + target.getFileName() + ".part");
    boolean moved = false;
    try {
      try (OutputStream out = Files.newOutputStream(aside)) {
        content.writeTo(out);
      }
      rename(aside, target, folder, durability);
      moved = true;
    } catch (IOException e) {
      throw notWritten(target, e);
    } finally {
      if (!moved) {
        Files.deleteIfExists(aside);
      }
    }
  }

  /** To make a folder that is there costs an exception, and a run writes 100,000 files. */
  private static void make(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      Files.createDirectories(folder);
    }
  }

  /**
   * Moves a finished file into place, replacing {@code target} if it exists; its folders are made.
   *
   * @param aside on the same file system
   */
  public static void move(Path aside, Path target, Durability durability) throws IOException {
    Path folder = folder(target);
    make(folder);
    rename(aside, target, folder, durability);
  }

  private static void rename(Path aside, Path target, Path folder, Durability durability)
      throws IOException {
    if (durability == Durability.FORCED) {
      force(aside, StandardOpenOption.WRITE);
    }
    Files.move(aside, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    if (durability == Durability.FORCED) {
      force(folder, StandardOpenOption.READ);
    }
  }

  /**
   * An exception that says which file could not be written, and why; the system's own often leaves
   * out one or the other.
   */
  public static IOException notWritten(Path file, IOException cause) {
    String reason = cause.getMessage();
    if (cause instanceof FileSystemException system) {
      reason = system.getReason();
    }
    return new IOException(
        "%s: %s (expected: a folder that can be written, with room)"
            .formatted(file, reason == null ? cause.getClass().getSimpleName() : reason),
        cause);
  }

  private static Path folder(Path target) {
    Path folder = target.toAbsolutePath().getParent();
    if (folder == null || target.getFileName() == null) {
      throw new IllegalArgumentException("file: %s (expected: a file's path)".formatted(target));
    }
    return folder;
  }

  private static void force(Path path, StandardOpenOption option) throws IOException {
    try (FileChannel channel = FileChannel.open(path, option)) {
      channel.force(true);
    }
  }
}
