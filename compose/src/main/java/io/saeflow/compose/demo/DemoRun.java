// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.demo;

import io.saeflow.compose.config.OutputConfig;
import io.saeflow.compose.config.RunConfig;
import io.saeflow.compose.config.SaeEntry;
import io.saeflow.compose.config.Setting;
import io.saeflow.compose.config.Settings;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;

/** What the demo runs: the bundled model and autoencoder over a given text. */
public final class DemoRun {
  /** About two minutes on two cores. */
  public static final long DEFAULT_TOKENS = 500_000;

  private static final String SAE_ID = "demo-4096";
  private static final String HOOK = "blocks.2.hook_resid_post";
  private static final String SUBJECT = "demo-gpt2";

  /** Fields of {@link SotuAddresses}; the model's own text has none, and counts nowhere. */
  private static final List<String> LABELS = List.of("year:10", "party");

  private DemoRun() {}

  /** The bundled model's folder in the project folder {@code home}. */
  public static Path model(Path home) {
    return home.resolve("demo").resolve("model");
  }

  /**
   * The demo's configuration.
   *
   * @param home the folder that holds {@code demo/}
   * @param text JSON lines with a field {@code text}
   * @param maxTokens where to stop; if empty, at the text's end
   */
  public static RunConfig config(Path home, Path text, OptionalLong maxTokens) {
    Path sae = home.resolve("demo").resolve("sae").resolve("sae.pt");
    Settings settings =
        new Settings()
            .text(Setting.RUN_ID, "demo")
            .path(Setting.MODEL, model(home))
            .paths(Setting.TEXT, List.of(text))
            .saes(List.of(new SaeEntry(sae, HOOK, SAE_ID, SAE_ID)))
            .text(Setting.SUBJECT, SUBJECT)
            .labels(LABELS);
    maxTokens.ifPresent(settings::maxTokens);
    return settings.toRunConfig();
  }

  /** Where the sae-viewer sink puts the first autoencoder's features. */
  public static Path atoms(RunConfig config, OutputConfig output) {
    return output
        .directory()
        .resolve("sae-viewer")
        .resolve(config.subject())
        .resolve(config.saes().get(0).viewerPath())
        .resolve("atoms");
  }
}
