// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.fuzz;

import io.saeflow.schemas.arrow.ArrowMessages;
import io.saeflow.schemas.feature.Example;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.schemas.feature.FeedPosition;
import io.saeflow.schemas.feature.LabelCounts;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.RunTotals;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.stream.ActivationBatch;
import io.saeflow.schemas.stream.ActivationDtype;
import io.saeflow.schemas.stream.DocumentSpan;
import io.saeflow.schemas.stream.EncodingSummary;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.FeatureRange;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.TokenBatch;
import java.util.List;
import java.util.Map;

/** Small valid messages and settings that have every field. */
final class Samples {
  static final String PIPELINE =
      """
      # a run
      model: models/gpt2
      text: [corpus/a.jsonl.gz, "corpus/b.txt"]
      max-tokens: 10m
      batch-size: 0x8
      prepend-bos: true
      saes:
        - path: saes/v5_32k_layer_8.pt
          hook: blocks.8.hook_resid_post
        - {path: saes/other, id: res-jb-8}
      labels: [party, "year:10"]
      sinks: [sae-viewer, delphi]
      document-separator: bos
      out: out/gpt2
      kafka:
        security.protocol: SSL
      """;

  private static final TokenBatch BATCH =
      new TokenBatch(
          "run-1",
          7,
          14,
          3,
          new int[] {5, 0, 50256, 1, 2, 3},
          List.of(
              List.of(
                  new DocumentSpan(0, 4, 90, "{\"party\":\"Whig\",\"year\":1850}"),
                  new DocumentSpan(2, 5, 0, "{}")),
              List.of(new DocumentSpan(1, 5, 1, "{\"name\":\"M\u00fcller\"}"))));
  private static final byte[] END = ArrowMessages.encode(new EndOfStream("run-1", 8, 16, 48));

  private Samples() {}

  static List<byte[]> tokenMessages() {
    return List.of(ArrowMessages.encode(BATCH), END);
  }

  static List<byte[]> activationMessages() {
    return List.of(
        ArrowMessages.encode(
            new ActivationBatch(
                BATCH, HookPoint.parse("blocks.2.hook_resid_post"), 2, new float[12])),
        ArrowMessages.encode(
            new ActivationBatch(
                BATCH, HookPoint.parse("blocks.2.hook_resid_post"), 2, new float[12]),
            ActivationDtype.FLOAT16),
        END);
  }

  static List<byte[]> latentMessages() {
    return List.of(
        ArrowMessages.encode(
            new LatentBatch(
                BATCH,
                "demo",
                new FeatureRange(1, 2, 10),
                EncodingSummary.withoutDecoder(1, 5),
                new int[] {0, 2, 2, 3, 3, 3, 5},
                new int[] {5, 9, 7, 6, 8},
                new float[] {1f, -2f, 0.25f, 3.5f, 1e-30f})),
        END);
  }

  static FeatureRecord featureRecord() {
    List<Example> examples =
        List.of(new Example(9L, 1, 1.5f, 0L, 0, List.of(4, 5), List.of(0f, 1.5f)));
    return FeatureRecord.newBuilder()
        .setLatent(3)
        .setSequences(2)
        .setComplete(true)
        .setTokens(100)
        .setNonFiniteTokens(1)
        .setActive(2)
        .setMax(1.5f)
        .setSum1(2.0)
        .setSum2(2.5)
        .setSum3(3.5)
        .setSum4(4.5)
        .setHistogramBins(List.of(3, 8))
        .setHistogramCounts(List.of(1L, 1L))
        .setTop(examples)
        .setRandom(examples)
        .setLabels(
            List.of(
                new LabelCounts(
                    "year", 10.0, List.of("1790", "1800"), List.of(2L, 0L), List.of(60L, 39L))))
        .build();
  }

  static RunManifest runManifest() {
    Map<String, String> digests = Map.of("model.safetensors", "ab".repeat(32));
    return RunManifest.newBuilder()
        .setRun("run-1")
        .setSaeflowVersion("0.1")
        .setSubject("gpt2")
        .setModelSha256(digests)
        .setModelDtype("float32")
        .setVocabularySize(50257)
        .setCenterWritingWeights(false)
        .setDataset(List.of("a.jsonl"))
        .setDatasetSha256(digests)
        .setTextField("text")
        .setTokenizerSha256(digests)
        .setContextLength(256)
        .setPrependBos(true)
        .setDocumentSeparator(50256)
        .setBosToken(50256)
        .setBatchSize(8)
        .setMaxTokens(1000L)
        .setTop(20)
        .setRandom(20)
        .setWindow(64)
        .setSeed(0)
        .setLabels(List.of("year:10"))
        .setEncodeAt("producer")
        .setKeep(List.of("latents"))
        .setLatentSinks(List.of("delphi"))
        .setSaes(
            List.of(
                SaeManifest.newBuilder()
                    .setId("demo")
                    .setHook("blocks.2.hook_resid_post")
                    .setFamily("openai")
                    .setArchitecture("topk")
                    .setK(32)
                    .setNormalization("layer_norm")
                    .setWidth(768)
                    .setLatents(32768)
                    .setFeatureRanges(5)
                    .setSaePath("v5_32k")
                    .setSha256(digests)
                    .build()))
        .setTotals(new RunTotals(1L, 2L, 3L))
        .setFed(new FeedPosition(1L, 2L, 3L, 4L))
        .build();
  }
}
