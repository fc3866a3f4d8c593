// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.broker;

import io.saeflow.compose.config.BadInputException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.metadata.storage.Formatter;
import org.apache.kafka.server.common.MetadataVersion;
import org.jspecify.annotations.Nullable;

/** A node's data, formatted for Kafka and locked against other processes until it is closed. */
final class DataFolder implements AutoCloseable {
  private static final String LOCK = ".saeflow-lock";
  private static final String WRITTEN = "meta.properties";

  /** What a start that was killed can leave before {@link #WRITTEN}, which comes last. */
  private static final Set<String> BEGUN =
      Set.of(LOCK, WRITTEN + ".tmp", "bootstrap.checkpoint", "bootstrap.checkpoint.tmp");

  /** What Kafka has renamed the folder of a deleted topic's partition to. */
  private static final String DELETED_PARTITIONS = "*-delete";

  private final Path directory;
  private final FileLock lock;

  private DataFolder(Path directory, FileLock lock) {
    this.directory = directory;
    this.lock = lock;
  }

  /**
   * Takes the folder, and formats it if it is new.
   *
   * @throws BadInputException if it is in use, another node's or another cluster's, or no broker's
   * @throws IOException if it cannot be written
   */
  static DataFolder open(BrokerConfig config) throws IOException {
    Path directory = config.data();
    if (Files.exists(directory) && !Files.isDirectory(directory)) {
      throw new BadInputException("data: %s (expected: a folder, or nothing)".formatted(directory));
    }
    Files.createDirectories(directory);
    DataFolder folder = new DataFolder(directory, lock(directory));
    boolean opened = false;
    try {
      format(config, clusterId(config));
      opened = true;
      return folder;
    } finally {
      if (!opened) {
        folder.close();
      }
    }
  }

  /** After the node has stopped. Closing twice is fine. */
  @Override
  public void close() {
    if (!lock.isValid()) {
      return;
    }
    try (FileChannel held = lock.channel()) {
      removeDeletedPartitions();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Kafka deletes a topic's files some time after the topic, and those of a node that stops before
   * would stay until its next start, which may never come.
   */
  private void removeDeletedPartitions() throws IOException {
    try (DirectoryStream<Path> partitions =
        Files.newDirectoryStream(directory, DELETED_PARTITIONS)) {
      for (Path partition : partitions) {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(partition)) {
          for (Path file : files) {
            Files.delete(file);
          }
        }
        Files.delete(partition);
      }
    }
  }

  /**
   * Kafka has a lock of its own, but takes it only after it has opened its metadata. Ours is a file
   * beside it.
   */
  private static FileLock lock(Path directory) throws IOException {
    requireBrokers(directory);
    FileChannel channel =
        FileChannel.open(
            directory.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    @Nullable FileLock lock = null;
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException e) {
      // Held by this JVM, which is as much in use as by another.
    } finally {
      if (lock == null) {
        channel.close();
      }
    }
    if (lock == null) {
      throw new BadInputException(
          "data: %s is in use (expected: a folder of no running broker)".formatted(directory));
    }
    return lock;
  }

  /** Kafka takes each folder in its own for a topic, and stops at one that is none. */
  private static void requireBrokers(Path directory) throws IOException {
    if (Files.exists(directory.resolve(WRITTEN))) {
      return;
    }
    try (Stream<Path> entries = Files.list(directory)) {
      Optional<String> foreign =
          entries
              .map(entry -> entry.getFileName().toString())
              .filter(name -> !BEGUN.contains(name))
              .findFirst();
      if (foreign.isPresent()) {
        throw new BadInputException(
            "data: %s holds %s (expected: a broker's folder, or an empty one)"
                .formatted(directory, foreign.get()));
      }
    }
  }

  private static String clusterId(BrokerConfig config) throws IOException {
    Path file = config.data().resolve(WRITTEN);
    if (!Files.exists(file)) {
      return config.clusterId().orElseGet(() -> Uuid.randomUuid().toString());
    }
    Properties written = new Properties();
    try (InputStream in = Files.newInputStream(file)) {
      written.load(in);
    } catch (IllegalArgumentException e) {
      throw new BadInputException("%s: %s".formatted(file, e.getMessage()), e);
    }
    String clusterId = written.getProperty("cluster.id");
    if (clusterId == null) {
      throw new BadInputException(file + ": no cluster.id (expected: a Kafka data folder)");
    }
    if (config.clusterId().isPresent() && !config.clusterId().get().equals(clusterId)) {
      throw new BadInputException(
          "cluster-id: %s (expected: %s, as %s says)"
              .formatted(config.clusterId().get(), clusterId, file));
    }
    String node = written.getProperty("node.id");
    if (!Integer.toString(config.node()).equals(node)) {
      throw new BadInputException(
          "node: %d (expected: %s, as %s says)".formatted(config.node(), node, file));
    }
    return clusterId;
  }

  private static void format(BrokerConfig config, String clusterId) throws IOException {
    String directory = config.data().toAbsolutePath().toString();
    Formatter formatter = new Formatter();
    formatter.setPrintStream(
        new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8));
    formatter
        .setNodeId(config.node())
        .setClusterId(clusterId)
        .addDirectory(directory)
        .setReleaseVersion(MetadataVersion.latestProduction())
        .setMetadataLogDirectory(directory)
        .setControllerListenerName(BrokerProperties.CONTROLLER)
        .setIgnoreFormatted(true)
        .setUnstableFeatureVersionsEnabled(false);
    try {
      formatter.run();
    } catch (IOException | RuntimeException e) {
      throw new IOException("data: %s: %s".formatted(directory, e.getMessage()), e);
    } catch (Exception e) {
      throw new IOException("data: %s: cannot be formatted".formatted(directory), e);
    }
  }
}
