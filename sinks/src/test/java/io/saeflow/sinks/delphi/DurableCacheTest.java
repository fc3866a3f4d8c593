// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.delphi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.saeflow.schemas.arrow.ArrowMessages;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.stream.EncodingSummary;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.FeatureRange;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.TokenBatch;
import io.saeflow.sinks.Fixtures;
import io.saeflow.sinks.files.OutputFolder;
import io.saeflow.sinks.topic.MockTopic;
import io.saeflow.sinks.topic.TopicReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A cache whose process is gone at any moment, and the next one's that goes on. */
@Timeout(60)
class DurableCacheTest {
  private static final int L = 4;
  private static final int RANGES = 3;
  private static final int LATENTS = 10;

  @TempDir Path folder;

  private final SaeManifest sae = Fixtures.sae("a", LATENTS, RANGES).build();
  private final RunManifest manifest = Fixtures.manifest(sae).build();

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void killedAtAnyMomentItWritesTheSameBytes(long seed) throws Exception {
    Random random = new Random(seed);
    List<List<byte[]>> topic = topic(40);
    topic.forEach(partition -> Collections.shuffle(partition, random));
    Path undisturbed = folder.resolve("undisturbed");
    try (LatentCache cache = cache(undisturbed)) {
      for (int p = 0; p < RANGES; p++) {
        for (byte[] message : topic.get(p)) {
          cache.read(p, message);
        }
      }
    }

    Path killed = folder.resolve("killed");
    long[] saved = new long[RANGES];
    int kills = 0;
    boolean ended = false;
    while (!ended) {
      LatentCache cache = cache(killed); // never closed: its process is killed
      long[] next = cache.begin();
      // What is below the saved offsets may be deleted from the topic.
      assertThat(next).isEqualTo(saved);
      int left = random.nextInt(40);
      while (left-- > 0 && !ended) {
        int p = random.nextInt(RANGES);
        if (next[p] < topic.get(p).size()) {
          cache.read(p, topic.get(p).get((int) next[p]++));
        }
        if (random.nextInt(10) == 0) {
          cache.save(next.clone());
          saved = next.clone();
        }
        ended = allRead(topic, next) && cache.completeSequences() >= 0;
      }
      if (!ended) {
        kills++;
        tear(killed, random);
      }
    }
    assertThat(kills).isPositive();
    assertSameShards(undisturbed, killed);
  }

  @Test
  void aCompleteCacheGoesOnWithAppendedText() throws Exception {
    List<List<byte[]>> topic = topic(20);
    Path undisturbed = folder.resolve("undisturbed");
    Path stopped = folder.resolve("stopped");
    try (LatentCache cache = cache(undisturbed)) {
      readAll(cache, topic, new long[RANGES]);
    }
    // All that was there up to an end in the middle, then the process ended.
    List<List<byte[]>> first = topic(10);
    long[] next = new long[RANGES];
    try (LatentCache cache = cache(stopped)) {
      readAll(cache, first, next);
      assertThat(cache.completeSequences()).isPositive();
      cache.save(next.clone());
    }
    try (LatentCache cache = cache(stopped)) {
      next = cache.begin();
      assertThat(cache.completeSequences()).isPositive();
      assertThat(next).isEqualTo(first.stream().mapToLong(List::size).toArray());
      readAll(cache, topic, next);
      assertThat(cache.completeSequences()).isPositive();
      cache.save(next);
    }
    assertSameShards(undisturbed, stopped);

    // Its shards come again even if nothing is left to read.
    Files.delete(stopped.resolve("delphi/latents/blocks.1.hook_resid_post/config.json"));
    Files.delete(stopped.resolve("delphi/latents/blocks.1.hook_resid_post/0_2.safetensors"));
    try (LatentCache cache = cache(stopped)) {
      cache.begin();
      assertThat(cache.completeSequences()).isPositive();
    }
    assertSameShards(undisturbed, stopped);
    LatentCache finished = cache(stopped);
    finished.close();
    finished.deleteSpool();
    assertThat(stopped.resolve(".spool")).doesNotExist();
  }

  @Test
  void aSpoolThatIsDamagedOrForeignIsBegunAnew() throws Exception {
    List<List<byte[]>> topic = topic(10);
    long[] next = new long[RANGES];
    try (LatentCache cache = cache(folder)) {
      readAll(cache, topic, next);
      cache.save(next);
    }
    Path spool = folder.resolve(".spool/delphi/a");
    Map<String, byte[]> sound = Fixtures.tree(spool);
    assertThat(sound)
        .containsOnlyKeys("checkpoint", "entries-0", "entries-1", "entries-2", "tokens");
    Random random = new Random(7);
    for (int i = 0; i < 40; i++) {
      byte[] checkpoint = sound.get("checkpoint").clone();
      if (i % 2 == 0) {
        checkpoint[random.nextInt(checkpoint.length)] ^= (byte) (1 << random.nextInt(8));
      } else {
        checkpoint = Arrays.copyOf(checkpoint, random.nextInt(checkpoint.length));
      }
      assertBegins(sound, "checkpoint", checkpoint, new long[RANGES], manifest);
    }
    for (String file : List.of("entries-1", "tokens")) {
      byte[] cut = Arrays.copyOf(sound.get(file), sound.get(file).length - 1);
      assertBegins(sound, file, cut, new long[RANGES], manifest);
    }
    byte[] same = sound.get("checkpoint");
    assertBegins(sound, "checkpoint", same, next, manifest);
    RunManifest other = Fixtures.manifest(sae).setRun("other").build();
    assertBegins(sound, "checkpoint", same, new long[RANGES], other);
    RunManifest weights = Fixtures.manifest(sae).setModelSha256(Map.of("b.bin", "03")).build();
    assertBegins(sound, "checkpoint", same, new long[RANGES], weights);
  }

  /** {@code spool} with one file replaced begins at {@code offsets}. */
  private void assertBegins(
      Map<String, byte[]> spool, String file, byte[] bytes, long[] offsets, RunManifest of)
      throws Exception {
    for (Map.Entry<String, byte[]> entry : spool.entrySet()) {
      Path to = folder.resolve(".spool/delphi/a").resolve(entry.getKey());
      Files.createDirectories(to.getParent());
      Files.write(to, entry.getKey().equals(file) ? bytes : entry.getValue());
    }
    try (LatentCache cache = new LatentCache(new OutputFolder(folder), of, sae)) {
      assertThat(cache.begin()).isEqualTo(offsets);
    }
  }

  @Test
  void aFullDiskFailsWithOneLineAndLeavesWhatWasGood() throws Exception {
    Path disk = folder.resolve("disk");
    Files.createDirectories(disk);
    boolean mounted = run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk.toString());
    assumeTrue(mounted, "no small file system can be mounted here; that needs root");
    try {
      List<List<byte[]>> topic = topic(4000);
      MockTopic messages = new MockTopic("run.latents.a", RANGES);
      for (int p = 0; p < RANGES; p++) {
        for (byte[] message : topic.get(p)) {
          if (!(ArrowMessages.decodeLatents(message) instanceof EndOfStream)) {
            messages.add(p, message);
          }
        }
      }
      long[] few = new long[RANGES];
      try (LatentCache cache = cache(disk)) {
        readAll(cache, topic(10), few);
        // Without the end, which is not on the topic.
        Arrays.setAll(few, p -> few[p] - 1);
        cache.save(few);
      }
      Map<String, byte[]> good = Fixtures.tree(disk.resolve("delphi"));
      assertThat(good).hasSize(RANGES + 1);
      try (TopicReader reader = messages.read(cache(disk), sequences -> false)) {
        assertThatThrownBy(() -> reader.done().get(50, TimeUnit.SECONDS))
            .cause()
            .isInstanceOf(IOException.class)
            .hasMessageMatching(
                "run\\.latents\\.a-\\d@\\d+: "
                    + disk
                    + "/\\.spool/delphi/a/(entries-\\d|tokens): No space left on device "
                    + "\\(expected: a folder that can be written, with room\\)");
      }
      assertThat(Fixtures.tree(disk.resolve("delphi"))).containsOnlyKeys(good.keySet());
      try (LatentCache cache = cache(disk)) {
        assertThat(cache.begin()).isEqualTo(few);
      }
      good.forEach(
          (file, bytes) ->
              assertThat(disk.resolve("delphi").resolve(file)).hasBinaryContent(bytes));
    } finally {
      run("umount", disk.toString());
    }
  }

  private static boolean run(String... command) throws Exception {
    try {
      return new ProcessBuilder(command).redirectErrorStream(true).start().waitFor() == 0;
    } catch (IOException e) {
      return false; // there is no such program
    }
  }

  private static void readAll(LatentCache cache, List<List<byte[]>> topic, long[] next)
      throws Exception {
    for (int p = 0; p < RANGES; p++) {
      while (next[p] < topic.get(p).size()) {
        cache.read(p, topic.get(p).get((int) next[p]++));
      }
    }
  }

  private static boolean allRead(List<List<byte[]>> topic, long[] next) {
    for (int p = 0; p < RANGES; p++) {
      if (next[p] < topic.get(p).size()) {
        return false;
      }
    }
    return true;
  }

  /** What was written after the last save may be there, in part, or followed by anything. */
  private static void tear(Path root, Random random) throws IOException {
    Path file = root.resolve(".spool/delphi/a/entries-" + random.nextInt(RANGES));
    byte[] garbage = new byte[random.nextInt(100)];
    random.nextBytes(garbage);
    if (Files.exists(file)) {
      Files.write(file, garbage, StandardOpenOption.APPEND);
    }
    Path part = root.resolve(".spool/delphi/a/.checkpoint.part");
    if (Files.exists(part.getParent())) {
      Files.write(part, garbage);
    }
  }

  private LatentCache cache(Path root) throws IOException {
    return new LatentCache(new OutputFolder(root), manifest, sae);
  }

  private static void assertSameShards(Path expected, Path actual) throws IOException {
    Map<String, byte[]> files = Fixtures.tree(expected.resolve("delphi"));
    assertThat(files).hasSize(RANGES + 1);
    Map<String, byte[]> found = Fixtures.tree(actual.resolve("delphi"));
    assertThat(found).containsOnlyKeys(files.keySet());
    files.forEach((file, bytes) -> assertThat(found.get(file)).as(file).isEqualTo(bytes));
  }

  /**
   * The messages of every partition: batches of one or two sequences, some of them twice, with an
   * end after every ten.
   */
  private static List<List<byte[]>> topic(int batches) {
    List<List<byte[]>> topic = new ArrayList<>();
    for (int p = 0; p < RANGES; p++) {
      topic.add(new ArrayList<>());
    }
    long number = 0;
    long sequence = 0;
    for (int b = 0; b < batches; b++) {
      int sequences = 1 + b % 2;
      for (int p = 0; p < RANGES; p++) {
        byte[] message = ArrowMessages.encode(batch(p, number, sequence, sequences));
        topic.get(p).add(message);
        if ((b + p) % 7 == 3) {
          topic.get(p).add(message);
        }
      }
      number++;
      sequence += sequences;
      if (b % 10 == 9 || b == batches - 1) {
        byte[] end = ArrowMessages.encode(new EndOfStream("run", number++, sequence, sequence * L));
        topic.forEach(partition -> partition.add(end));
      }
    }
    return topic;
  }

  /** Latent l has the value 1 + (s + l) % 5 at token l % 4 of sequence s. */
  private static LatentBatch batch(int partition, long number, long first, int sequences) {
    FeatureRange range = new FeatureRange(partition, RANGES, LATENTS);
    int[] offsets = new int[sequences * L + 1];
    List<Integer> latents = new ArrayList<>();
    List<Float> values = new ArrayList<>();
    int[] tokens = new int[sequences * L];
    for (int t = 0; t < sequences * L; t++) {
      long sequence = first + t / L;
      tokens[t] = (int) (100 * sequence + t % L);
      for (int latent = range.from(); latent < range.to(); latent++) {
        if (latent % L == t % L) {
          latents.add(latent);
          values.add(1f + (sequence + latent) % 5);
        }
      }
      offsets[t + 1] = latents.size();
    }
    float[] array = new float[values.size()];
    for (int i = 0; i < array.length; i++) {
      array[i] = values.get(i);
    }
    return new LatentBatch(
        new TokenBatch("run", number, first, L, tokens, Collections.nCopies(sequences, List.of())),
        "a",
        range,
        EncodingSummary.withoutDecoder(0, latents.size()),
        offsets,
        latents.stream().mapToInt(Integer::intValue).toArray(),
        array);
  }
}
