// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks;

import io.saeflow.schemas.feature.Example;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.SaeManifest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Hand-made records and manifests. */
public final class Fixtures {
  private Fixtures() {}

  /** An example whose window starts at {@code position - index}, with token ids 10, 11, ... */
  public static Example example(long sequence, int position, int index, float... activations) {
    List<Integer> tokens = new ArrayList<>();
    List<Float> values = new ArrayList<>();
    for (int i = 0; i < activations.length; i++) {
      tokens.add(10 + i);
      values.add(activations[i]);
    }
    return Example.newBuilder()
        .setSequence(sequence)
        .setPosition(position)
        .setActivation(activations[index])
        .setDocument(sequence + 100)
        .setWindowStart(position - index)
        .setTokens(tokens)
        .setActivations(values)
        .build();
  }

  /** A complete record of a feature that never fired, over 5 tokens. */
  public static FeatureRecord.Builder dead(int latent) {
    return FeatureRecord.newBuilder()
        .setLatent(latent)
        .setSequences(1)
        .setComplete(true)
        .setTokens(5)
        .setNonFiniteTokens(0)
        .setNonZeros(12)
        .setReconstructedTokens(4)
        .setNormalizedErrors(1)
        .setActive(0)
        .setMax(0)
        .setSum1(0)
        .setSum2(0)
        .setSum3(0)
        .setSum4(0)
        .setHistogramBins(List.of())
        .setHistogramCounts(List.of())
        .setTop(List.of())
        .setRandom(List.of())
        .setLabels(List.of());
  }

  /** The feature was 2 on one token, 4 on another, and 0 on three more. */
  public static FeatureRecord.Builder twoAndFour(int latent) {
    return dead(latent)
        .setActive(2)
        .setMax(4)
        .setSum1(6)
        .setSum2(20)
        .setSum3(72)
        .setSum4(272)
        .setHistogramBins(List.of(10, 20))
        .setHistogramCounts(List.of(1L, 1L))
        .setTop(List.of(example(3, 7, 1, 0f, 4f, 0f)))
        .setRandom(List.of(example(2, 0, 0, 2f, 0f)));
  }

  /** An autoencoder that reads {@code blocks.1.hook_resid_post}. */
  public static SaeManifest.Builder sae(String id, int latents, int featureRanges) {
    return SaeManifest.newBuilder()
        .setId(id)
        .setHook("blocks.1.hook_resid_post")
        .setFamily("openai")
        .setArchitecture("topk")
        .setK(2)
        .setNormalization("layer_norm")
        .setWidth(8)
        .setLatents(latents)
        .setFeatureRanges(featureRanges)
        .setSaePath("family/" + id)
        .setSha256(Map.of("sae.pt", "00ff"));
  }

  /** A run named {@code run} of contexts of 4 tokens. */
  public static RunManifest.Builder manifest(SaeManifest... saes) {
    return RunManifest.newBuilder()
        .setRun("run")
        .setSaeflowVersion("0.1.0")
        .setSubject("gpt2-small")
        .setModelSha256(Map.of("b.bin", "02", "a.json", "01"))
        .setModelDtype("float32")
        .setVocabularySize(100)
        .setCenterWritingWeights(false)
        .setDataset(List.of("one.txt", "two.txt"))
        .setDatasetSha256(Map.of())
        .setTextField(null)
        .setTokenizerSha256(Map.of())
        .setContextLength(4)
        .setPrependBos(true)
        .setDocumentSeparator(null)
        .setBosToken(50256)
        .setBatchSize(2)
        .setMaxTokens(null)
        .setTop(20)
        .setRandom(20)
        .setWindow(64)
        .setSeed(7)
        .setSaes(List.of(saes))
        .setTotals(null);
  }

  /** Every file below {@code root}, by relative path. */
  public static Map<String, byte[]> tree(Path root) throws IOException {
    Map<String, byte[]> files = new TreeMap<>();
    try (Stream<Path> paths = Files.walk(root)) {
      for (Path path : paths.filter(Files::isRegularFile).toList()) {
        files.put(root.relativize(path).toString(), Files.readAllBytes(path));
      }
    }
    return files;
  }
}
