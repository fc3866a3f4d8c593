// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.verify;

import static io.saeflow.sinks.verify.UnsoundFileException.require;

import io.saeflow.sinks.files.OutputFolder;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;

/** The files below one folder: regular ones, reached without a link. */
final class RunFiles {
  private final Path root;
  private final OutputFolder folder;

  /**
   * @param root may itself be reached through links
   */
  RunFiles(Path root) throws IOException {
    this.root = root.toRealPath();
    this.folder = new OutputFolder(this.root);
  }

  Path root() {
    return root;
  }

  /** Whether there is anything of this name. */
  boolean exists(String name) {
    return Files.exists(root.resolve(name), LinkOption.NOFOLLOW_LINKS);
  }

  /** A folder that is there, and is one. */
  Path folder(String name) throws IOException, UnsoundFileException {
    Path path = resolve(name);
    require(attributes(path).isDirectory(), "%s (expected: a folder)", kind(path));
    return path;
  }

  /** A file that is there, and is one. */
  Path file(String name) throws IOException, UnsoundFileException {
    Path path = resolve(name);
    require(attributes(path).isRegularFile(), "%s (expected: a file)", kind(path));
    return path;
  }

  /**
   * All bytes of a file.
   *
   * @param most how many it may have
   */
  byte[] bytes(String name, int most) throws IOException, UnsoundFileException {
    Path path = file(name);
    try (InputStream in = Files.newInputStream(path, LinkOption.NOFOLLOW_LINKS)) {
      byte[] bytes = in.readNBytes(most);
      require(in.read() < 0, "%d bytes (expected: at most %d)", Files.size(path), most);
      return bytes;
    }
  }

  private Path resolve(String name) throws IOException, UnsoundFileException {
    Path path;
    try {
      path = folder.resolve(name);
    } catch (IllegalArgumentException e) {
      throw new UnsoundFileException(e.getMessage());
    }
    Path parent = root;
    for (Path component : root.relativize(path.getParent())) {
      parent = parent.resolve(component);
      if (!parent.equals(root)) {
        require(
            attributes(parent).isDirectory(),
            "%s is %s (expected: a folder)",
            root.relativize(parent),
            kind(parent));
      }
    }
    return path;
  }

  private BasicFileAttributes attributes(Path path) throws IOException, UnsoundFileException {
    try {
      return Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    } catch (NoSuchFileException e) {
      throw new UnsoundFileException("missing (expected: a file, as the manifest lists)");
    }
  }

  private String kind(Path path) throws IOException, UnsoundFileException {
    BasicFileAttributes attributes = attributes(path);
    if (attributes.isSymbolicLink()) {
      return "a symbolic link";
    }
    if (attributes.isDirectory()) {
      return "a folder";
    }
    return attributes.isRegularFile() ? "a file" : "neither file nor folder";
  }
}
