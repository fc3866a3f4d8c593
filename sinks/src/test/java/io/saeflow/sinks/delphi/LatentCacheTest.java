// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.delphi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.saeflow.schemas.arrow.ArrowMessages;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.stream.EncodingSummary;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.FeatureRange;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.LatentMessage;
import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.schemas.stream.StreamMessage;
import io.saeflow.schemas.stream.TokenBatch;
import io.saeflow.schemas.tensorfile.Dtype;
import io.saeflow.schemas.tensorfile.Safetensors;
import io.saeflow.sinks.Fixtures;
import io.saeflow.sinks.files.OutputFolder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Contexts of 4 tokens; token t of sequence s has id 10·s + t. */
class LatentCacheTest {
  private static final int L = 4;

  @TempDir Path root;

  private final SaeManifest sae = Fixtures.sae("a", 10, 2).build();

  @Test
  void sortsBatchesThatCameInAnyOrder() throws Exception {
    // Batch 0 holds sequences 0 and 1, batch 1 sequence 2; latents 5 to 9 are partition 1.
    FeatureRange lower = new FeatureRange(0, 2, 10);
    FeatureRange upper = new FeatureRange(1, 2, 10);
    LatentBatch upper0 = batch(upper, 0, 0, 2, new int[][] {{0, 6}, {0, 9}, {5, 5}}, 1, -2, 0.5f);
    LatentBatch upper1 = batch(upper, 1, 2, 1, new int[][] {{3, 7}}, 4);
    LatentBatch lower0 = batch(lower, 0, 0, 2, new int[][] {{7, 4}}, 3);
    LatentBatch lower1 = batch(lower, 1, 2, 1, new int[][] {});
    EndOfStream end = new EndOfStream("run", 2, 3, 12);
    try (LatentCache cache = cache(sae)) {
      send(cache, 1, upper1);
      send(cache, 1, end);
      send(cache, 0, lower0);
      assertThat(cache.shards()).isZero();
      send(cache, 1, upper0);
      assertThat(cache.shards()).isEqualTo(1);
      assertThat(cache.completeSequences()).isEqualTo(-1);
      send(cache, 0, lower1);
      send(cache, 0, end);
      assertThat(cache.completeSequences()).isNotNegative();
      assertThat(cache.shards()).isEqualTo(2);
      assertThat(cache.clamped()).isZero();
    }
    assertThat(Fixtures.tree(root).keySet())
        .containsExactly(
            "delphi/latents/blocks.1.hook_resid_post/0_4.safetensors",
            "delphi/latents/blocks.1.hook_resid_post/5_9.safetensors",
            "delphi/latents/blocks.1.hook_resid_post/config.json");
    assertThat(root.resolve(".spool")).doesNotExist();
    try (Safetensors shard = open("5_9")) {
      assertThat(shard.names()).containsExactlyInAnyOrder("tokens", "locations", "activations");
      assertThat(shard.dtype("locations")).isEqualTo(Dtype.U16);
      assertThat(shard.dtype("activations")).isEqualTo(Dtype.F16);
      assertThat(shard.dtype("tokens")).isEqualTo(Dtype.I64);
      assertThat(shard.shape("locations")).containsExactly(4L, 3L);
      assertThat(shard.longs("locations")).containsExactly(0, 0, 1, 0, 0, 4, 1, 1, 0, 2, 3, 2);
      assertThat(shard.floats("activations")).containsExactly(1, -2, 0.5f, 4);
      assertThat(shard.shape("tokens")).containsExactly(3L, 4L);
      assertThat(shard.longs("tokens")).containsExactly(0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23);
    }
    try (Safetensors shard = open("0_4")) {
      assertThat(shard.longs("locations")).containsExactly(1, 3, 4);
      assertThat(shard.floats("activations")).containsExactly(3);
      assertThat(shard.longs("tokens")).hasSize(12);
    }
  }

  @Test
  void writesTheConfigThatTheLoaderNeeds() throws Exception {
    SaeManifest one = Fixtures.sae("a", 10, 1).build();
    try (LatentCache cache = cache(one)) {
      send(cache, 0, batch(new FeatureRange(0, 1, 10), 0, 0, 2, new int[][] {}));
      send(cache, 0, new EndOfStream("run", 1, 2, 8));
    }
    assertThat(root.resolve("delphi/latents/blocks.1.hook_resid_post/config.json"))
        .content()
        .isEqualTo(
            """
            {
                "dataset_repo": "one.txt,two.txt",
                "dataset_split": "train",
                "dataset_name": "",
                "dataset_column": "text",
                "batch_size": 2,
                "ctx_len": 4,
                "cache_ctx_len": 4,
                "n_tokens": 8,
                "n_splits": 1,
                "model_name": "gpt2-small"
            }
            """);
  }

  @Test
  void anEmptyShardIsValid() throws Exception {
    SaeManifest one = Fixtures.sae("a", 10, 1).build();
    try (LatentCache cache = cache(one)) {
      send(cache, 0, batch(new FeatureRange(0, 1, 10), 0, 0, 1, new int[][] {}));
      send(cache, 0, new EndOfStream("run", 1, 1, 4));
    }
    try (Safetensors shard = open("0_9")) {
      assertThat(shard.dtype("locations")).isEqualTo(Dtype.U16);
      assertThat(shard.shape("locations")).containsExactly(0L, 3L);
      assertThat(shard.shape("activations")).containsExactly(0L);
      assertThat(shard.longs("tokens")).containsExactly(0, 1, 2, 3);
    }
  }

  @Test
  void aStreamWithoutBatchesIsAnEmptyCache() throws Exception {
    try (LatentCache cache = cache(sae)) {
      send(cache, 0, new EndOfStream("run", 0, 0, 0));
      send(cache, 1, new EndOfStream("run", 0, 0, 0));
      assertThat(cache.completeSequences()).isNotNegative();
    }
    try (Safetensors shard = open("5_9")) {
      assertThat(shard.shape("tokens")).containsExactly(0L, 4L);
      assertThat(shard.shape("locations")).containsExactly(0L, 3L);
    }
  }

  @Test
  void switchesToUint32WhenALatentNeedsIt() throws Exception {
    for (int largest : new int[] {65535, 65536}) {
      SaeManifest wide = Fixtures.sae("a", 70000, 1).build();
      try (LatentCache cache = cache(wide)) {
        send(
            cache,
            0,
            batch(
                new FeatureRange(0, 1, 70000), 0, 0, 1, new int[][] {{1, 2}, {1, largest}}, 1, 2));
        send(cache, 0, new EndOfStream("run", 1, 1, 4));
      }
      try (Safetensors shard = open("0_69999")) {
        assertThat(shard.dtype("locations")).isEqualTo(largest == 65535 ? Dtype.U16 : Dtype.U32);
        assertThat(shard.longs("locations")).containsExactly(0, 1, 2, 0, 1, largest);
      }
    }
  }

  @Test
  void switchesToUint32WhenARowNeedsIt() throws Exception {
    // 65 537 sequences in two batches; only the last row has an entry.
    SaeManifest one = Fixtures.sae("a", 10, 1).build();
    FeatureRange all = new FeatureRange(0, 1, 10);
    try (LatentCache cache = cache(one)) {
      send(cache, 0, batch(all, 0, 0, 65536, new int[][] {}));
      send(cache, 0, batch(all, 1, 65536, 1, new int[][] {{2, 9}}, 1));
      send(cache, 0, new EndOfStream("run", 2, 65537, 65537 * 4));
    }
    try (Safetensors shard = open("0_9")) {
      assertThat(shard.dtype("locations")).isEqualTo(Dtype.U32);
      assertThat(shard.longs("locations")).containsExactly(65536, 2, 9);
      long[] tokens = shard.longs("tokens");
      assertThat(tokens).hasSize(65537 * 4);
      assertThat(IntStream.range(0, tokens.length).filter(i -> tokens[i] != token(i / L, i % L)))
          .isEmpty();
    }
  }

  @Test
  void streamsMoreEntriesThanABufferHolds() throws Exception {
    // 100 000 entries: each token of 1000 sequences has latents 0 to 24, with value latent + 1.
    SaeManifest one = Fixtures.sae("a", 25, 1).build();
    int[][] entries =
        IntStream.range(0, 100_000).mapToObj(i -> new int[] {i / 25, i % 25}).toArray(int[][]::new);
    float[] values = new float[entries.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = i % 25 + 1;
    }
    try (LatentCache cache = cache(one)) {
      send(cache, 0, batch(new FeatureRange(0, 1, 25), 0, 0, 1000, entries, values));
      send(cache, 0, new EndOfStream("run", 1, 1000, 4000));
    }
    try (Safetensors shard = open("0_24")) {
      long[] locations = shard.longs("locations");
      float[] activations = shard.floats("activations");
      assertThat(activations).hasSize(100_000);
      for (int i = 0; i < activations.length; i++) {
        assertThat(locations[3 * i]).isEqualTo(i / 25 / 4);
        assertThat(locations[3 * i + 1]).isEqualTo(i / 25 % 4);
        assertThat(locations[3 * i + 2]).isEqualTo(i % 25);
        assertThat(activations[i]).isEqualTo(i % 25 + 1);
      }
    }
  }

  @Test
  void valuesBeyondFloat16BecomeItsLargestAndAreCounted() throws Exception {
    SaeManifest one = Fixtures.sae("a", 10, 1).build();
    try (LatentCache cache = cache(one)) {
      int[][] entries = {{0, 0}, {0, 1}, {0, 2}, {0, 3}, {0, 4}, {0, 5}};
      send(
          cache,
          0,
          batch(
              new FeatureRange(0, 1, 10),
              0,
              0,
              1,
              entries,
              1e6f,
              -1e6f,
              65504,
              65519,
              65520,
              1e-9f));
      send(cache, 0, new EndOfStream("run", 1, 1, 4));
      assertThat(cache.clamped()).isEqualTo(3);
    }
    try (Safetensors shard = open("0_9")) {
      // 65519 is nearest to 65504; 65520 would round to infinity; 1e-9 rounds to 0 and is kept.
      assertThat(shard.floats("activations"))
          .containsExactly(65504, -65504, 65504, 65504, 65504, 0);
    }
  }

  @Test
  void anotherRunWritesTheSameBytesAndForgetsTheOldSpool() throws Exception {
    SaeManifest one = Fixtures.sae("a", 10, 1).build();
    FeatureRange all = new FeatureRange(0, 1, 10);
    LatentBatch first = batch(all, 0, 0, 1, new int[][] {{0, 1}, {2, 3}}, 1, 2);
    LatentBatch second = batch(all, 1, 1, 1, new int[][] {{1, 0}}, 3);
    EndOfStream end = new EndOfStream("run", 2, 2, 8);
    try (LatentCache cache = cache(one)) {
      send(cache, 0, first);
      send(cache, 0, second);
      send(cache, 0, end);
    }
    Map<String, byte[]> before = Fixtures.tree(root);
    // As a crash would leave it.
    Files.createDirectories(root.resolve(".spool/delphi/a"));
    Files.write(root.resolve(".spool/delphi/a/entries-0"), new byte[100]);
    Files.write(root.resolve(".spool/delphi/a/entries-17"), new byte[100]);
    try (LatentCache cache = cache(one)) {
      send(cache, 0, end);
      send(cache, 0, second);
      send(cache, 0, first);
    }
    assertSameFiles(before);
  }

  @Test
  void closingEarlyLeavesNothing() throws Exception {
    try (LatentCache cache = cache(sae)) {
      send(cache, 0, batch(new FeatureRange(0, 2, 10), 0, 0, 1, new int[][] {{0, 1}}, 1));
      assertThat(root.resolve(".spool/delphi/a/entries-0")).isNotEmptyFile();
    }
    assertThat(Fixtures.tree(root)).isEmpty();
    assertThat(root).isEmptyDirectory();
  }

  @Test
  void autoencodersOfOneHookGetFoldersOfTheirOwn() throws Exception {
    SaeManifest a = Fixtures.sae("a", 10, 1).build();
    SaeManifest alias = Fixtures.sae("b", 10, 1).setHook("resid_post_mlp/1").build();
    SaeManifest other = Fixtures.sae("c", 10, 1).setHook("blocks.1.hook_mlp_out").build();
    RunManifest manifest = Fixtures.manifest(a, alias, other).build();
    assertThat(List.of(a, alias, other))
        .extracting(each -> LatentCache.folder(manifest, each))
        .containsExactly(
            "delphi/latents/blocks.1.hook_resid_post.a",
            "delphi/latents/blocks.1.hook_resid_post.b",
            "delphi/latents/blocks.1.hook_mlp_out");
  }

  @Test
  void aBatchThatComesTwiceCountsOnce() throws Exception {
    FeatureRange all = new FeatureRange(0, 1, 10);
    LatentBatch batch = batch(all, 0, 0, 1, new int[][] {{1, 3}}, 2);
    try (LatentCache cache = cache(Fixtures.sae("a", 10, 1).build())) {
      send(cache, 0, batch);
      send(cache, 0, batch);
      send(cache, 0, new EndOfStream("run", 1, 1, 4));
      send(cache, 0, batch);
      assertThat(cache.completeSequences()).isEqualTo(1);
    }
    try (Safetensors shard = open("0_9")) {
      assertThat(shard.longs("locations")).containsExactly(0, 1, 3);
    }
  }

  @Test
  void appendedSequencesAreWrittenAtTheNextEnd() throws Exception {
    FeatureRange all = new FeatureRange(0, 1, 10);
    SaeManifest one = Fixtures.sae("a", 10, 1).build();
    LatentBatch first = batch(all, 0, 0, 2, new int[][] {{5, 3}}, 1);
    LatentBatch appended = batch(all, 2, 2, 1, new int[][] {{1, 4}}, 2);
    LatentBatch appendedToo = batch(all, 3, 3, 1, new int[][] {{0, 9}}, 3);
    try (LatentCache cache = cache(one)) {
      send(cache, 0, appended);
      send(cache, 0, new EndOfStream("run", 1, 2, 8));
      send(cache, 0, first);
      assertThat(cache.completeSequences()).isEqualTo(-1);
      send(cache, 0, new EndOfStream("run", 4, 4, 16));
      assertThat(cache.shards()).isZero();
      send(cache, 0, appendedToo);
      assertThat(cache.completeSequences()).isNotNegative();
      send(cache, 0, new EndOfStream("run", 1, 2, 8));
      assertThat(cache.completeSequences()).isNotNegative();
      assertThat(cache.shards()).isEqualTo(1);
    }
    try (Safetensors shard = open("0_9")) {
      assertThat(shard.longs("locations")).containsExactly(1, 1, 3, 2, 1, 4, 3, 0, 9);
      assertThat(shard.floats("activations")).containsExactly(1, 2, 3);
      assertThat(shard.shape("tokens")).containsExactly(4L, 4L);
    }
    Map<String, byte[]> inOneGo = Fixtures.tree(root);
    try (LatentCache cache = cache(one)) {
      send(cache, 0, first);
      send(cache, 0, new EndOfStream("run", 1, 2, 8));
      assertThat(cache.completeSequences()).isNotNegative();
      send(cache, 0, appendedToo);
      assertThat(cache.completeSequences()).isEqualTo(-1);
      send(cache, 0, appended);
      send(cache, 0, new EndOfStream("run", 4, 4, 16));
      assertThat(cache.completeSequences()).isNotNegative();
      assertThat(cache.shards()).isEqualTo(2);
    }
    assertSameFiles(inOneGo);
  }

  /** Entry (t, l) of the run has a value where a hash says so, wherever batches are cut. */
  @Test
  void shardsDoNotDependOnWhereBatchesAreCut() throws Exception {
    int sequences = 12;
    FeatureRange all = new FeatureRange(0, 1, 10);
    SaeManifest one = Fixtures.sae("a", 10, 1).build();
    Map<String, byte[]> expected = null;
    for (int round = 0; round < 30; round++) {
      Random random = new Random(round);
      List<LatentMessage> messages = new ArrayList<>();
      long number = 0;
      int from = 0;
      while (from < sequences) {
        int count = Math.min(sequences - from, 1 + random.nextInt(5));
        messages.add(batchOfAHash(all, number++, from, count));
        from += count;
        if (random.nextInt(3) == 0 || from == sequences) {
          messages.add(new EndOfStream("run", number++, from, (long) from * L));
        }
      }
      Collections.shuffle(messages, random);
      try (LatentCache cache = cache(one)) {
        for (LatentMessage message : messages) {
          send(cache, 0, message);
        }
        assertThat(cache.completeSequences()).isNotNegative();
      }
      if (expected == null) {
        expected = Fixtures.tree(root);
      }
      assertSameFiles(expected);
    }
  }

  private static LatentBatch batchOfAHash(FeatureRange range, long number, int from, int count) {
    List<int[]> entries = new ArrayList<>();
    List<Float> values = new ArrayList<>();
    for (int t = 0; t < count * L; t++) {
      for (int latent = 0; latent < 10; latent++) {
        int hash = new Random((from * L + t) * 10L + latent).nextInt(40);
        if (hash < 12) {
          entries.add(new int[] {t, latent});
          values.add(1f + hash);
        }
      }
    }
    float[] array = new float[values.size()];
    for (int i = 0; i < array.length; i++) {
      array[i] = values.get(i);
    }
    return batch(range, number, from, count, entries.toArray(int[][]::new), array);
  }

  private void assertSameFiles(Map<String, byte[]> expected) throws Exception {
    Map<String, byte[]> files = Fixtures.tree(root);
    assertThat(files).containsOnlyKeys(expected.keySet());
    expected.forEach((path, bytes) -> assertThat(files.get(path)).as(path).isEqualTo(bytes));
  }

  @Test
  void refusesWhatBelongsElsewhere() throws Exception {
    FeatureRange range = new FeatureRange(0, 2, 10);
    int[][] none = {};
    assertRefused(
        "feature range of batch 0: FeatureRange[index=1, count=2, latents=10] (expected: ",
        batch(new FeatureRange(1, 2, 10), 0, 0, 1, none));
    assertRefused("run: 'other' (expected: 'run')", new EndOfStream("other", 0, 0, 0));
    assertRefused(
        "SAE: 'b' (expected: 'a')",
        new LatentBatch(
            tokens(0, 0, 1),
            "b",
            range,
            EncodingSummary.withoutDecoder(0, 0),
            new int[L + 1],
            new int[0],
            new float[0]));
    TokenBatch longer = new TokenBatch("run", 0, 0, 5, new int[5], List.of(List.of()));
    assertRefused(
        "context length of batch 0: 5 (expected: 4)",
        new LatentBatch(
            longer,
            "a",
            range,
            EncodingSummary.withoutDecoder(0, 0),
            new int[6],
            new int[0],
            new float[0]));
  }

  @Test
  void refusesASequenceThatIsInTwoBatches() throws Exception {
    FeatureRange range = new FeatureRange(0, 2, 10);
    assertRefused(
        "first sequence of batch 1: 0 (expected: 1)",
        batch(range, 0, 0, 1, new int[][] {}),
        batch(range, 1, 0, 1, new int[][] {}),
        batch(range, 2, 2, 1, new int[][] {}),
        new EndOfStream("run", 3, 3, 12));
  }

  @Test
  void waitsForASequenceThatIsMissing() throws Exception {
    FeatureRange all = new FeatureRange(0, 1, 10);
    try (LatentCache cache = cache(Fixtures.sae("a", 10, 1).build())) {
      send(cache, 0, batch(all, 0, 0, 1, new int[][] {}));
      send(cache, 0, batch(all, 2, 2, 1, new int[][] {}));
      send(cache, 0, new EndOfStream("run", 1, 1, 4));
      send(cache, 0, new EndOfStream("run", 3, 3, 12));
      assertThat(cache.shards()).isZero();
      send(cache, 0, batch(all, 1, 1, 1, new int[][] {}));
      assertThat(cache.completeSequences()).isNotNegative();
    }
  }

  @Test
  void refusesNumbersThatNoRunReaches() throws Exception {
    FeatureRange range = new FeatureRange(0, 2, 10);
    assertRefused(
        "batch number: 1099511627776 (expected: below 134217728)",
        batch(range, 1L << 40, 0, 1, new int[][] {}));
    assertRefused(
        "first sequence of batch 0: 2147483648 (expected: below 2147483648)",
        batch(range, 0, 1L << 31, 1, new int[][] {}));
  }

  @Test
  void leavesOutWhatIsNoneOfTheRuns() throws Exception {
    FeatureRange all = new FeatureRange(0, 1, 10);
    byte[] good = ArrowMessages.encode(batch(all, 0, 0, 1, new int[][] {{1, 4}}, 2));
    try (LatentCache cache = cache(Fixtures.sae("a", 10, 1).build())) {
      cache.read(0, (byte[]) null);
      cache.read(0, new byte[0]);
      cache.read(0, Arrays.copyOf(good, good.length / 2));
      cache.read(0, ArrowMessages.encode(tokens(0, 0, 1)));
      send(cache, 0, batch(new FeatureRange(1, 2, 10), 0, 0, 1, new int[][] {{1, 7}}, 3));
      send(cache, 0, new EndOfStream("other", 1, 1, 4));
      assertThat(cache.completeSequences()).isEqualTo(-1);
      cache.read(0, good);
      send(cache, 0, new EndOfStream("run", 1, 1, 4));
      assertThat(cache.completeSequences()).isEqualTo(1);
    }
    try (Safetensors shard = open("0_9")) {
      assertThat(shard.longs("locations")).containsExactly(0, 1, 4);
      assertThat(shard.floats("activations")).containsExactly(2);
    }
  }

  private void assertRefused(String message, LatentMessage... messages) throws Exception {
    try (LatentCache cache = cache(sae)) {
      for (int i = 0; i < messages.length - 1; i++) {
        send(cache, 0, messages[i]);
      }
      assertThatThrownBy(() -> cache.read(0, messages[messages.length - 1]))
          .isInstanceOf(MalformedMessageException.class)
          .hasMessageStartingWith(message);
    }
  }

  private LatentCache cache(SaeManifest sae) throws Exception {
    return new LatentCache(new OutputFolder(root), Fixtures.manifest(sae).build(), sae);
  }

  private Safetensors open(String shard) throws Exception {
    return Safetensors.open(
        root.resolve("delphi/latents/blocks.1.hook_resid_post/" + shard + ".safetensors"));
  }

  private static void send(LatentCache cache, int partition, LatentMessage message)
      throws Exception {
    cache.read(partition, ArrowMessages.encode((StreamMessage) message));
  }

  /**
   * @param entries pairs of (token in the batch, latent), ascending
   */
  private static LatentBatch batch(
      FeatureRange range,
      long number,
      long firstSequence,
      int sequences,
      int[][] entries,
      float... values) {
    int[] offsets = new int[sequences * L + 1];
    int[] latents = new int[entries.length];
    for (int i = 0; i < entries.length; i++) {
      offsets[entries[i][0] + 1]++;
      latents[i] = entries[i][1];
    }
    for (int t = 0; t < sequences * L; t++) {
      offsets[t + 1] += offsets[t];
    }
    return new LatentBatch(
        tokens(number, firstSequence, sequences),
        "a",
        range,
        EncodingSummary.withoutDecoder(0, latents.length),
        offsets,
        latents,
        values);
  }

  private static TokenBatch tokens(long number, long firstSequence, int sequences) {
    int[] tokens =
        IntStream.range(0, sequences * L).map(i -> token(firstSequence + i / L, i % L)).toArray();
    return new TokenBatch(
        "run", number, firstSequence, L, tokens, Collections.nCopies(sequences, List.of()));
  }

  private static int token(long sequence, int position) {
    return (int) (10 * sequence + position);
  }
}
