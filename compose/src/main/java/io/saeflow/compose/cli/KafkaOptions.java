// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.Setting;
import io.saeflow.compose.config.Settings;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How a run is reached, and settings from a file. */
final class KafkaOptions {
  @Option(names = "--config", paramLabel = "FILE", description = "Settings in YAML.")
  private @Nullable Path config;

  @Option(
      names = "--metrics-port",
      paramLabel = "PORT",
      description =
          "Serve Prometheus metrics at http://127.0.0.1:PORT/metrics. Default: not served.")
  private @Nullable Long metricsPort;

  @Option(
      names = "--bootstrap-servers",
      paramLabel = "HOST:PORT,...",
      description =
          "A Kafka cluster. Default: embedded, a broker inside this process with its data under"
              + " OUT/.saeflow.")
  private @Nullable String bootstrapServers;

  @Option(
      names = "--kafka",
      paramLabel = "KEY=VALUE",
      description =
          "A property of every Kafka client; may be repeated. Keep secrets in the --config file.")
  private @Nullable Map<String, String> kafka;

  @Option(
      names = "--run-id",
      paramLabel = "ID",
      description = "Begins every topic's name. Default: from the output folder's name.")
  private @Nullable String runId;

  private void addTo(Settings settings) {
    SettingsLine.number(settings, Setting.METRICS_PORT, metricsPort);
    SettingsLine.text(settings, Setting.BOOTSTRAP_SERVERS, bootstrapServers);
    if (kafka != null) {
      settings.kafka(kafka);
    }
    SettingsLine.text(settings, Setting.RUN_ID, runId);
  }

  /** Whether a cluster was named. */
  boolean given() {
    return bootstrapServers != null;
  }

  /** What {@code line} says, over what the file says, if there is one. */
  Settings over(Settings line) {
    addTo(line);
    return config == null ? line : Settings.ofYaml(config).overriddenBy(line);
  }
}
