// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.output;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.config.ExistingOutput;
import io.saeflow.sinks.SinkKind;
import io.saeflow.sinks.files.OutputFolder;
import io.saeflow.sinks.manifest.Checksums;
import io.saeflow.sinks.manifest.ManifestFile;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The folder one run writes into.
 *
 * <p>{@link #check} says whether a run may have it and changes nothing; {@link #open} then makes it
 * ready and keeps other saeflow processes out until {@link #close}.
 */
public final class RunFolder implements AutoCloseable {
  private static final String INTERNAL = ".saeflow";

  /** What saeflow writes at the top of an output folder, and all that it ever deletes there. */
  private static final Set<String> ENTRIES =
      Stream.concat(
              Stream.of(ManifestFile.NAME, Checksums.FOLDER, INTERNAL, OutputFolder.SPOOL),
              Arrays.stream(SinkKind.values()).map(SinkKind::id))
          .collect(Collectors.toUnmodifiableSet());

  private final Path root;
  private final ExistingOutput existing;
  private @Nullable FileLock lock;

  private RunFolder(Path root, ExistingOutput existing) {
    this.root = root;
    this.existing = existing;
  }

  /**
   * The folder at {@code root}, which need not exist yet.
   *
   * @throws BadInputException if it is not empty and {@code existing} does not allow that, if it
   *     holds anything foreign that overwriting would have to delete, or has nothing to resume
   * @throws IOException if it cannot be listed
   */
  public static RunFolder check(Path root, ExistingOutput existing) throws IOException {
    Path folder = root.toAbsolutePath().normalize();
    if (Files.exists(folder, LinkOption.NOFOLLOW_LINKS) && !Files.isDirectory(folder)) {
      throw new BadInputException("out: %s (expected: a folder, or nothing)".formatted(root));
    }
    Set<String> names = names(folder);
    if (!names.isEmpty()) {
      switch (existing) {
        case REFUSE ->
            throw new BadInputException(
                "out: %s is not empty (expected: an empty or new folder, --resume to go on with the run in it, or --overwrite to replace it)"
                    .formatted(root));
        case RESUME -> {
          if (!names.contains(INTERNAL)) {
            throw new BadInputException(
                "out: %s holds no run to resume (expected: a folder that saeflow wrote, with its %s)"
                    .formatted(root, INTERNAL));
          }
        }
        case OVERWRITE -> {
          names.removeAll(ENTRIES);
          if (!names.isEmpty()) {
            throw new BadInputException(
                "out: %s holds %s (expected: only what saeflow wrote; --overwrite deletes nothing else)"
                    .formatted(root, String.join(", ", names)));
          }
        }
      }
    }
    return new RunFolder(folder, existing);
  }

  /**
   * The folder at {@code root}, to begin in it if it is new or empty, else to go on with what is in
   * it; its lock is taken.
   *
   * @throws BadInputException if it holds something that saeflow did not write, or another process
   *     runs in it
   */
  public static RunFolder newOrOwn(Path root) throws IOException {
    boolean begun = !names(root.toAbsolutePath().normalize()).isEmpty();
    return check(root, begun ? ExistingOutput.RESUME : ExistingOutput.REFUSE).open();
  }

  /**
   * Creates the folder, takes its lock and, when overwriting, deletes what an earlier run wrote.
   *
   * @throws BadInputException if another process runs in this folder
   */
  public RunFolder open() throws IOException {
    Files.createDirectories(internal());
    // The lock is beside what is deleted, so that the folder is never without it.
    Path lockFile = internal().resolve("lock");
    FileChannel channel =
        FileChannel.open(lockFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException e) {
      lock = null;
    }
    if (lock == null) {
      channel.close();
      throw new BadInputException(
          "out: %s is in use by another run (expected: one run in a folder at a time)"
              .formatted(root));
    }
    if (existing == ExistingOutput.OVERWRITE) {
      deleteAllBut(lockFile);
      Files.createDirectories(internal());
    }
    return this;
  }

  /** The folder itself; sinks write below it. */
  public Path root() {
    return root;
  }

  /** {@code manifest.json}, the last file that a run writes. */
  public Path manifest() {
    return root.resolve(ManifestFile.NAME);
  }

  /** The embedded broker's data. */
  public Path brokerLog() {
    return internal().resolve("broker");
  }

  /** The local state of the stream stages. */
  public Path streamsState() {
    return internal().resolve("streams");
  }

  /** Lets other processes use the folder. */
  @Override
  public void close() throws IOException {
    if (lock != null) {
      lock.acquiredBy().close();
      lock = null;
    }
  }

  private Path internal() {
    return root.resolve(INTERNAL);
  }

  private void deleteAllBut(Path kept) throws IOException {
    for (String entry : new TreeSet<>(ENTRIES)) {
      Path top = root.resolve(entry);
      if (Files.exists(top, LinkOption.NOFOLLOW_LINKS)) {
        delete(top, kept);
      }
    }
  }

  private static void delete(Path top, Path kept) throws IOException {
    Files.walkFileTree(
        top,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            if (!file.equals(kept)) {
              Files.delete(file);
            }
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException failure)
              throws IOException {
            if (failure != null) {
              throw failure;
            }
            if (!kept.startsWith(folder)) {
              Files.delete(folder);
            }
            return FileVisitResult.CONTINUE;
          }
        });
  }

  private static Set<String> names(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return new TreeSet<>();
    }
    List<Path> entries = new ArrayList<>();
    try (Stream<Path> listed = Files.list(folder)) {
      listed.forEach(entries::add);
    }
    Set<String> names = new TreeSet<>();
    entries.forEach(entry -> names.add(entry.getFileName().toString()));
    return names;
  }
}
