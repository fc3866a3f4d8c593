// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;

/** What of docker-compose.yml can be known to be right without a Docker engine. */
class DockerComposeTest {
  private static final Path FILE = Path.of("docker-compose.yml");
  private static final String OURS = "saeflow:0.1.0";

  @ParameterizedTest
  @MethodSource("ourServices")
  void everyCommandIsOneThatSaeflowKnows(String service) throws IOException {
    List<String> command = strings(services().get(service).get("command"));

    CommandLines.assertParses(command);
  }

  @ParameterizedTest
  @MethodSource("allServices")
  void everyServiceIsPinnedAndBounded(String service) throws IOException {
    Map<String, Object> declared = services().get(service);

    assertThat((String) declared.get("image")).matches("[a-z/]+:v?\\d+\\.\\d+\\.\\d+");
    assertThat(declared).containsKey("mem_limit");
    if (declared.containsKey("ports")) {
      assertThat(strings(declared.get("ports"))).allMatch(port -> port.startsWith("127.0.0.1:"));
    }
  }

  @Test
  void everyVolumeIsDeclaredAndEveryFileIsThere() throws IOException {
    Map<String, Object> file = file();
    for (Map<String, Object> service : services().values()) {
      for (String volume : strings(service.getOrDefault("volumes", List.of()))) {
        String source = volume.replace("${SAEFLOW_WORK:-work}", "work").split(":", -1)[0];
        if (source.startsWith("./")) {
          assertThat(Path.of(source)).exists();
        } else {
          assertThat(map(file.get("volumes"))).containsKey(source);
        }
      }
    }
  }

  @Test
  void theImagesAreBuiltOnPinnedOnes() throws IOException {
    List<String> stages = List.of("build", "java", "cuda", "cpu");
    List<String> from;
    try (Stream<String> lines = Files.lines(Path.of("docker", "Dockerfile"))) {
      from =
          lines
              .filter(line -> line.startsWith("FROM "))
              .map(line -> line.split(" ", -1)[1])
              .filter(image -> !stages.contains(image))
              .toList();
    }
    assertThat(from).hasSize(3).allMatch(image -> image.matches("[a-z/-]+:\\d+\\.\\d+\\.\\d+.*"));
  }

  static Stream<String> allServices() throws IOException {
    return services().keySet().stream();
  }

  static Stream<String> ourServices() throws IOException {
    return services().entrySet().stream()
        .filter(service -> OURS.equals(service.getValue().get("image")))
        .map(Map.Entry::getKey);
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Map<String, Object>> services() throws IOException {
    return (Map<String, Map<String, Object>>) file().get("services");
  }

  private static Map<String, Object> file() throws IOException {
    return map(new Yaml(new SafeConstructor(new LoaderOptions())).load(Files.readString(FILE)));
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> map(Object node) {
    return (Map<String, Object>) node;
  }

  @SuppressWarnings("unchecked")
  private static List<String> strings(Object node) {
    return (List<String>) node;
  }
}
