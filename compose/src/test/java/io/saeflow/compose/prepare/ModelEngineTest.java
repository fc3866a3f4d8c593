// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.prepare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.kernels.device.Device;
import io.saeflow.schemas.feature.RunManifest;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ModelEngineTest {
  @Test
  void aModelRunsWhereItsRunSays() {
    assertThat(ModelEngine.device(Optional.empty(), run("cpu"))).isEqualTo(new Device.Cpu());
    assertThat(ModelEngine.device(Optional.empty(), run("cuda"))).isEqualTo(new Device.Cuda(0));
  }

  @Test
  void whichGpuItIsMakesNoDifference() {
    assertThat(ModelEngine.device(Optional.of(new Device.Cuda(3)), run("cuda")))
        .isEqualTo(new Device.Cuda(3));
  }

  /** Batches of one run would come from different bits. */
  @Test
  void anotherKindOfDeviceIsRefused() {
    assertThatThrownBy(() -> ModelEngine.device(Optional.of(new Device.Cuda(3)), run("cpu")))
        .isInstanceOf(BadInputException.class)
        .hasMessage("model-device: cuda:3 (expected: cpu, as run 'r' began)");
  }

  private static RunManifest run(String modelDevice) {
    return RunManifest.newBuilder()
        .setRun("r")
        .setSaeflowVersion("0")
        .setSubject("gpt2")
        .setModelSha256(Map.of())
        .setModelDtype("float32")
        .setModelDevice(modelDevice)
        .setVocabularySize(1)
        .setCenterWritingWeights(false)
        .setDataset(List.of())
        .setDatasetSha256(Map.of())
        .setTextField(null)
        .setTokenizerSha256(Map.of())
        .setContextLength(1)
        .setPrependBos(false)
        .setDocumentSeparator(null)
        .setBosToken(null)
        .setBatchSize(1)
        .setMaxTokens(null)
        .setTop(0)
        .setRandom(0)
        .setWindow(1)
        .setSeed(0)
        .setSaes(List.of())
        .setTotals(null)
        .build();
  }
}
