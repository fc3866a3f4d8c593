// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.demo;

import io.saeflow.compose.config.OutputConfig;
import io.saeflow.compose.config.RunConfig;
import io.saeflow.compose.config.SaeEntry;
import io.saeflow.compose.config.Setting;
import io.saeflow.compose.config.Settings;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/** What the demo runs: the bundled model and autoencoder over a given text. */
public final class DemoRun {
  /** About two minutes on two cores. */
  public static final long DEFAULT_TOKENS = 500_000;

  private static final String RUN_ID = "demo";
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
    Settings settings =
        new Settings()
            .text(Setting.RUN_ID, RUN_ID)
            .path(Setting.MODEL, model(home))
            .paths(Setting.TEXT, List.of(text))
            .saes(List.of(new SaeEntry(sae(home), HOOK, SAE_ID, SAE_ID)))
            .text(Setting.SUBJECT, SUBJECT)
            .labels(LABELS);
    maxTokens.ifPresent(settings::maxTokens);
    return settings.toRunConfig();
  }

  /**
   * The same as a file for {@code run --config} or the roles of a cluster, with its output beside
   * the file.
   *
   * @param home the folder that holds {@code demo/}
   * @param text JSON lines with a field {@code text}
   * @param maxTokens where to stop; if empty, at the text's end
   */
  public static String yaml(Path home, Path text, OptionalLong maxTokens) {
    List<String> lines = new ArrayList<>();
    lines.add("run-id: " + RUN_ID);
    lines.add("model: " + quoted(model(home)));
    lines.add("text: [%s]".formatted(quoted(text)));
    maxTokens.ifPresent(tokens -> lines.add("max-tokens: " + tokens));
    lines.add("saes:");
    lines.add("  - path: " + quoted(sae(home)));
    lines.add("    hook: " + HOOK);
    lines.add("    id: " + SAE_ID);
    lines.add("    sae-path: " + SAE_ID);
    lines.add("subject: " + SUBJECT);
    lines.add("labels: ['%s']".formatted(String.join("', '", LABELS)));
    lines.add("partitions: 4  # so many producers and encoders can share the work");
    lines.add("out: out");
    return String.join("\n", lines) + "\n";
  }

  private static String quoted(Path path) {
    return "'%s'".formatted(path.toAbsolutePath().toString().replace("'", "''"));
  }

  private static Path sae(Path home) {
    return home.resolve("demo").resolve("sae").resolve("sae.pt");
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
