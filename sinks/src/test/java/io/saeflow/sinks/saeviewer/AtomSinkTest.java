// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.saeviewer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.sinks.Fixtures;
import io.saeflow.sinks.files.OutputFolder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AtomSinkTest {
  @TempDir Path root;

  @Test
  void writesWhatTheViewerReads() throws IOException {
    // Over 5 tokens: E[a] = 6/5, E[a²] = 20/5 = 4, E[a³] = 72/5 = 14.4, E[a⁴] = 272/5 = 54.4;
    // skew = 14.4 / 4^1.5 = 1.8, kurtosis = 54.4 / 4² = 3.4.
    write(Fixtures.twoAndFour(7).build());
    assertThat(root.resolve("sae-viewer/gpt2-small/v5_32k/layer_8/atoms/7.json"))
        .content()
        .isEqualTo(
            "{\"density\":0.4,\"mean_act\":1.2,\"mean_act_squared\":4.0,\"skew\":1.8,"
                + "\"kurtosis\":3.4,\"hist\":{\"10\":1,\"20\":1},\"random\":["
                + "{\"density\":0.5,\"doc_id\":102,\"idx\":0,\"act\":2.0,\"acts\":[2.0,0.0],"
                + "\"tokens\":[\"t10\",\"t11\"],\"token_ints\":[10,11]}],\"top\":["
                + "{\"density\":0.3333333333333333,\"doc_id\":103,\"idx\":1,\"act\":4.0,"
                + "\"acts\":[0.0,4.0,0.0],\"tokens\":[\"t10\",\"t11\",\"t12\"],"
                + "\"token_ints\":[10,11,12]}]}");
  }

  @Test
  void aDeadFeatureHasAFile() throws IOException {
    write(Fixtures.dead(0).build());
    assertThat(root.resolve("sae-viewer/gpt2-small/v5_32k/layer_8/atoms/0.json"))
        .content()
        .isEqualTo(
            "{\"density\":0.0,\"mean_act\":0.0,\"mean_act_squared\":0.0,\"skew\":null,"
                + "\"kurtosis\":null,\"hist\":{},\"random\":[],\"top\":[]}");
  }

  @Test
  void withoutTokensDensityIsStillANumber() throws IOException {
    write(Fixtures.dead(0).setTokens(0).build());
    assertThat(root.resolve("sae-viewer/gpt2-small/v5_32k/layer_8/atoms/0.json"))
        .content()
        .startsWith(
            "{\"density\":0.0,\"mean_act\":null,\"mean_act_squared\":null,\"skew\":null,"
                + "\"kurtosis\":null,");
  }

  @Test
  void sumsThatLeftTheirRangeGiveNull() throws IOException {
    write(Fixtures.twoAndFour(0).setSum3(Double.NaN).setSum4(Double.NaN).build());
    assertThat(root.resolve("sae-viewer/gpt2-small/v5_32k/layer_8/atoms/0.json"))
        .content()
        .startsWith(
            "{\"density\":0.4,\"mean_act\":1.2,\"mean_act_squared\":4.0,\"skew\":null,"
                + "\"kurtosis\":null,");
    write(Fixtures.twoAndFour(0).setSum2(Double.NaN).build());
    assertThat(root.resolve("sae-viewer/gpt2-small/v5_32k/layer_8/atoms/0.json"))
        .content()
        .startsWith(
            "{\"density\":0.4,\"mean_act\":1.2,\"mean_act_squared\":null,\"skew\":null,"
                + "\"kurtosis\":null,");
  }

  @Test
  void valuesAreShortestFloatsAndTextIsEscaped() throws IOException {
    FeatureRecord record =
        Fixtures.dead(0).setTop(List.of(Fixtures.example(0, 2, 2, -0.3f, 0f, 0.1f))).build();
    try (AtomSink sink =
        new AtomSink(new OutputFolder(root), "s", "p", id -> "\n\"é\uD83D\uDE00")) {
      sink.write(record);
    }
    assertThat(root.resolve("sae-viewer/s/p/atoms/0.json"))
        .content()
        .contains("\"idx\":2,\"act\":0.1,\"acts\":[-0.3,0.0,0.1]")
        .contains("\"tokens\":[\"\\n\\\"é\uD83D\uDE00\",");
  }

  @ParameterizedTest
  @CsvSource({
    "../x, path, subject: '../x'",
    "/etc, path, subject: '/etc'",
    "gpt2, ../../x, SAE path: '../../x'",
    "gpt2, a/../../b, SAE path: 'a/../../b'",
    "gpt2, /tmp, SAE path: '/tmp'"
  })
  void staysInsideTheOutputFolder(String subject, String saePath, String message) {
    assertThatThrownBy(() -> new AtomSink(new OutputFolder(root), subject, saePath, id -> ""))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(message);
  }

  private void write(FeatureRecord record) throws IOException {
    try (AtomSink sink =
        new AtomSink(new OutputFolder(root), "gpt2-small", "v5_32k/layer_8", id -> "t" + id)) {
      sink.write(record);
    }
  }
}
