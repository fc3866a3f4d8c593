// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.demo;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.compose.config.RunConfig;
import io.saeflow.compose.config.Settings;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DemoRunTest {
  @Test
  void theFileSaysWhatTheDemoRuns(@TempDir Path folder) throws Exception {
    Path home = folder.resolve("it's here");
    Path text = folder.resolve("text.jsonl");
    Path file = folder.resolve("pipeline.yaml");
    OptionalLong tokens = OptionalLong.of(2000);

    Files.writeString(file, DemoRun.yaml(home, text, tokens));

    RunConfig demo = DemoRun.config(home, text, tokens);
    RunConfig read = Settings.ofYaml(file).toRunConfig();
    assertThat(read.run()).isEqualTo(demo.run());
    assertThat(read.model()).isEqualTo(demo.model());
    assertThat(read.corpus()).isEqualTo(demo.corpus());
    assertThat(read.saes()).isEqualTo(demo.saes());
    assertThat(read.statistics()).isEqualTo(demo.statistics());
    assertThat(read.subject()).isEqualTo(demo.subject());
    assertThat(Settings.ofYaml(file).toOutputConfig().directory()).isEqualTo(folder.resolve("out"));
    assertThat(read.stream().partitions()).isEqualTo(4);
  }
}
