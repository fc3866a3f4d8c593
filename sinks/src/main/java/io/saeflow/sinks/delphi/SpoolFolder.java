// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.delphi;

import io.saeflow.sinks.files.OutputFolder;
import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A folder of files that last from one process to the next until they are not needed. It is on the
 * output's file system, so that a finished file can be moved into place, but outside every folder
 * that a reader lists.
 */
final class SpoolFolder {
  private final Path root;
  private final Path folder;

  private SpoolFolder(Path root, Path folder) {
    this.root = root;
    this.folder = folder;
  }

  /**
   * @param root the output folder
   * @param sae the autoencoder's id
   */
  static SpoolFolder open(Path root, String sae) throws IOException {
    SpoolFolder spool =
        new SpoolFolder(root, root.resolve(OutputFolder.SPOOL).resolve("delphi").resolve(sae));
    Files.createDirectories(spool.folder);
    return spool;
  }

  Path file(String name) {
    return folder.resolve(name);
  }

  /** Deletes the files, the folder, and the folders above it that are then empty. */
  void delete() throws IOException {
    deleteFiles();
    try {
      for (Path empty = folder; !empty.equals(root); empty = empty.getParent()) {
        Files.deleteIfExists(empty);
      }
    } catch (DirectoryNotEmptyException e) {
      // Another autoencoder still spools beside this one; the last one deletes the rest.
    }
  }

  /** Deletes the files. */
  void deleteFiles() throws IOException {
    if (!Files.isDirectory(folder)) {
      return;
    }
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
      for (Path file : files) {
        Files.delete(file);
      }
    }
  }
}
