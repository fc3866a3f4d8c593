// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.config.SaeEntry;
import io.saeflow.compose.config.Settings;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** One autoencoder; several stand in a file. */
final class SaeOptions {
  @Option(
      names = "--sae",
      paramLabel = "PATH",
      description =
          "OpenAI .pt file, or SAELens or sparsify directory. Required; several with --config.")
  private @Nullable Path sae;

  @Option(
      names = "--hook",
      paramLabel = "NAME",
      description =
          "Where the SAE reads: blocks.8.hook_resid_post, or resid_post_mlp/8. Default: what its"
              + " own files say.")
  private @Nullable String hook;

  @Option(
      names = "--sae-id",
      paramLabel = "ID",
      description = "Names the SAE's topics and folders. Default: from its file and hook.")
  private @Nullable String saeId;

  @Option(
      names = "--sae-path",
      paramLabel = "PATH",
      description = "The SAE's path under the subject in the sae-viewer tree. Default: its id.")
  private @Nullable String saePath;

  /** Adds autoencoders of a run that says all else of them to {@code settings}. */
  static void add(@Nullable List<Path> paths, Settings settings) {
    if (paths != null) {
      settings.saes(paths.stream().map(path -> new SaeEntry(path, null, null, null)).toList());
    }
  }

  /** Adds what was given to {@code settings}. */
  void addTo(Settings settings) {
    if (sae != null) {
      settings.saes(List.of(new SaeEntry(sae, hook, saeId, saePath)));
    } else if (hook != null || saeId != null || saePath != null) {
      throw new BadInputException(
          "--hook, --sae-id and --sae-path describe an autoencoder (expected: --sae PATH with"
              + " them)");
    }
  }
}
