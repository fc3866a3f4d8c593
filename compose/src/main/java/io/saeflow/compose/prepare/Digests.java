// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.prepare;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.schemas.tensorfile.FileDigest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** SHA-256 of files by their names, as a manifest has them. */
final class Digests {
  private Digests() {}

  static Map<String, String> of(List<Path> files) throws IOException {
    Map<String, String> digests = new TreeMap<>();
    for (Path file : files) {
      digests.put(String.valueOf(file.getFileName()), FileDigest.sha256(file));
    }
    return digests;
  }

  /**
   * Checks that files are those of a run.
   *
   * @param what they are, for the message
   * @param expected by the run's manifest
   * @throws BadInputException naming the first that is another, or missing
   */
  static void requireSame(String what, List<Path> files, Map<String, String> expected)
      throws IOException {
    Map<String, String> found = of(files);
    for (Map.Entry<String, String> file : new TreeMap<>(expected).entrySet()) {
      String digest = found.get(file.getKey());
      if (!file.getValue().equals(digest)) {
        throw new BadInputException(
            "%s: SHA-256 of %s is %s (expected: %s, as the run began)"
                .formatted(what, file.getKey(), digest, file.getValue()));
      }
    }
    if (found.size() != expected.size()) {
      throw new BadInputException(
          "%s: files %s (expected: %s, as the run began)"
              .formatted(what, found.keySet(), new TreeMap<>(expected).keySet()));
    }
  }
}
