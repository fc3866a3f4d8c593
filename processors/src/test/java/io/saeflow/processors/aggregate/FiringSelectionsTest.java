// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class FiringSelectionsTest {
  private static final int FEATURES = 3;

  private static final Comparator<Firing> BY_PLACE =
      Comparator.comparingLong(Firing::sequence).thenComparingInt(Firing::position);

  private static final Comparator<Firing> STRONGEST =
      Comparator.comparingDouble((Firing firing) -> -firing.activation()).thenComparing(BY_PLACE);

  /** A changelog keeps all values of a key, or only later ones, each where it was written. */
  @Property(tries = 300)
  void keepsTheFirstOfAllWhateverTheOrderAndTheRestarts(
      @ForAll long seed, @ForAll @IntRange(max = 23) int capacity) {
    Random random = new Random(seed);
    FiringSelections selections = selections(capacity);
    List<List<Firing>> offered = new ArrayList<>();
    for (int f = 0; f < FEATURES; f++) {
      offered.add(new ArrayList<>());
    }
    List<Map.Entry<Integer, byte[]>> log = new ArrayList<>();
    TreeSet<Integer> dirty = new TreeSet<>();
    List<Long> sequences = new ArrayList<>();
    for (long sequence = 0; sequence < 200; sequence++) {
      sequences.add(sequence);
    }
    Collections.shuffle(sequences, random);
    for (long sequence : sequences) {
      int feature = random.nextInt(FEATURES);
      Firing firing = firing(sequence, 1 + random.nextInt(30), random);
      offered.get(feature).add(firing);
      long key = FiringSelections.STRONGEST.applyAsLong(firing);
      if (selections.keeps(feature, key, sequence, firing.position())) {
        dirty.add(selections.add(feature, firing));
      }
      if (random.nextInt(10) == 0) {
        for (int piece : dirty) {
          log.add(Map.entry(piece, saved(selections, piece)));
        }
        dirty.clear();
      }
      if (dirty.isEmpty() && random.nextInt(20) == 0) {
        FiringSelections restored = restored(capacity, log, random.nextInt(log.size() + 1));
        for (int piece = 0; piece < FEATURES * selections.pieces(); piece++) {
          assertThat(restored.bytes(piece)).isEqualTo(selections.bytes(piece));
          assertThat(saved(restored, piece)).isEqualTo(saved(selections, piece));
        }
        selections = restored;
      }
    }
    for (int f = 0; f < FEATURES; f++) {
      List<Firing> expected = offered.get(f).stream().sorted(STRONGEST).limit(capacity).toList();
      assertThat(selections.toList(f))
          .extracting(Firing::sequence)
          .isEqualTo(expected.stream().map(Firing::sequence).toList());
    }
  }

  /** The first 20 of ascending strength all come; each after them takes the weakest one's slot. */
  @Test
  void aFiringThatReplacesAnotherChangesOnePiece() {
    FiringSelections selections = selections(20);
    Random random = new Random(1);
    assertThat(selections.pieces()).isEqualTo(4);
    List<Integer> changed = new ArrayList<>();
    for (int i = 0; i < 26; i++) {
      changed.add(selections.add(1, firing(i, 1 + i, random)));
    }
    assertThat(changed.subList(0, 20))
        .containsExactly(4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 6, 6, 6, 6, 6, 7, 7, 7, 7, 7);
    assertThat(changed.subList(20, 26)).containsExactly(4, 4, 4, 4, 4, 5);
    assertThat(selections.toList(1).get(0).sequence()).isEqualTo(25);
    assertThat(selections.toList(1).get(19).sequence()).isEqualTo(6);
    assertThat(selections.bytes(0)).as("of a feature without firings").isZero();
  }

  private static FiringSelections selections(int capacity) {
    return new FiringSelections(FEATURES, capacity, FiringSelections.STRONGEST);
  }

  private static Firing firing(long sequence, int strength, Random random) {
    byte[] window = new byte[random.nextInt(9)];
    random.nextBytes(window);
    return new Firing(random.nextLong(), sequence, random.nextInt(9), 0.5f * strength, window);
  }

  private static byte[] saved(FiringSelections selections, int piece) {
    ByteBuffer out = ByteBuffer.allocate(selections.bytes(piece));
    selections.writeTo(out, piece);
    assertThat(out.remaining()).isZero();
    return out.array();
  }

  /** From a log of whose first {@code cleaned} entries only the last of each key are left. */
  private static FiringSelections restored(
      int capacity, List<Map.Entry<Integer, byte[]>> log, int cleaned) {
    Map<Integer, Integer> last = new LinkedHashMap<>();
    for (int i = 0; i < cleaned; i++) {
      last.put(log.get(i).getKey(), i);
    }
    FiringSelections restored = selections(capacity);
    for (int i = 0; i < log.size(); i++) {
      int piece = log.get(i).getKey();
      if (i >= cleaned || last.get(piece) == i) {
        restored.readFrom(ByteBuffer.wrap(log.get(i).getValue()), piece);
      }
    }
    return restored;
  }
}
