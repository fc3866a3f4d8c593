// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.saeflow.compose.config.StreamConfig;
import io.saeflow.compose.demo.ModelText;
import io.saeflow.kernels.engine.LibtorchEngine;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.producer.corpus.Tokenizer;
import io.saeflow.producer.gpt2.Gpt2;
import io.saeflow.producer.gpt2.ModelDtype;
import io.saeflow.producer.gpt2.WritingWeights;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;

/** Text drawn from the model's own predictions, with fixed seeds: a document a sequence. */
public final class SampledText implements ModelText {
  /** Sequences drawn together: enough to fill matrix products, few enough to show progress. */
  private static final int TOGETHER = 64;

  /** A little below 1: small models write better when they keep to what is likely. */
  private static final double TEMPERATURE = 0.9;

  /** A writer that has not opened any model. */
  public SampledText() {}

  @Override
  public void write(Path model, long tokens, Path target) throws Exception {
    ObjectMapper json = new ObjectMapper();
    try (TensorEngine engine = LibtorchEngine.open(StreamConfig.defaultThreads());
        Gpt2 gpt2 = Gpt2.load(model, engine, WritingWeights.AS_STORED, ModelDtype.FLOAT32);
        Tokenizer tokenizer = Tokenizer.open(model);
        Writer out = Files.newBufferedWriter(target, StandardCharsets.UTF_8)) {
      int length = gpt2.config().positions();
      int first = gpt2.config().bosToken().orElse(0);
      long written = 0;
      for (long seed = 0; written < tokens; seed++) {
        int[] drawn = gpt2.write(TOGETHER, length, first, TEMPERATURE, seed);
        for (int i = 0; i < TOGETHER && written < tokens; i++) {
          // Without the first token, which packing puts there itself.
          int[] sequence = Arrays.copyOfRange(drawn, i * length + 1, (i + 1) * length);
          out.write(json.writeValueAsString(Map.of("text", tokenizer.decode(sequence))));
          out.write('\n');
          written += sequence.length;
        }
      }
    }
  }
}
