// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.compose.broker.EmbeddedBroker;
import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.config.ExistingOutput;
import io.saeflow.compose.config.Setting;
import io.saeflow.compose.config.Settings;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs on a Kafka that was there before them and stays. */
class ExternalClusterTest {
  private static final List<String> CASES = List.of("saelens-jumprelu--blocks.0.mlp.hook_post");

  @TempDir Path folder;

  @Test
  void aRunOnACluster() throws Exception {
    Path alone = folder.resolve("alone");
    OracleCases.execute(OracleCases.run(CASES, alone));
    try (EmbeddedBroker cluster = EmbeddedBroker.start(folder.resolve("cluster"))) {
      Path first = folder.resolve("first");
      OracleCases.execute(on(cluster, first));
      assertSameRecords(alone, first);

      // Its topics are still there, so another run must not take its id by accident.
      Path second = folder.resolve("second");
      assertThatThrownBy(() -> OracleCases.execute(on(cluster, second)))
          .isInstanceOf(BadInputException.class)
          .hasMessageContaining("'oracle' has topics on this cluster already")
          .hasMessageContaining("--overwrite");
      assertThat(second).doesNotExist();

      OracleCases.execute(on(cluster, second).existingOutput(ExistingOutput.OVERWRITE));
      assertSameRecords(alone, second);

      // A finished run that is resumed finds nothing to do and writes the same again.
      OracleCases.execute(on(cluster, second).existingOutput(ExistingOutput.RESUME));
      assertSameRecords(alone, second);

      assertThatThrownBy(
              () ->
                  OracleCases.execute(
                      on(cluster, second)
                          .existingOutput(ExistingOutput.RESUME)
                          .number(Setting.TOP, 3)))
          .isInstanceOf(BadInputException.class)
          .hasMessageContaining("resume: top is 3 (expected: 20, as the run began");
    }
  }

  private static Settings on(EmbeddedBroker cluster, Path out) {
    return OracleCases.run(CASES, out).text(Setting.BOOTSTRAP_SERVERS, cluster.bootstrapServers());
  }

  private static void assertSameRecords(Path expected, Path actual) throws Exception {
    for (String tree : List.of("sae-viewer", "neuron-records")) {
      SameBytesTest.assertSameFiles(
          expected.resolve(tree), actual.resolve(tree), OracleCases.LATENTS);
    }
    SameBytesTest.assertSameFiles(expected.resolve("delphi"), actual.resolve("delphi"), 5 + 1);
    assertThat(actual.resolve("manifest.json"))
        .hasSameBinaryContentAs(expected.resolve("manifest.json"));
  }
}
