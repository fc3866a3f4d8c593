// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import io.saeflow.schemas.feature.LabelCounts;
import io.saeflow.schemas.feature.LongList;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntToLongFunction;

/**
 * The label values seen so far, each with its number of tokens and with an id under which features
 * count.
 *
 * <p>Of each field the first {@value #MAX_VALUES} values by {@link LabelValue}'s order are kept,
 * and the rest are one. This does not depend on the order in which they come: a value among the
 * first of all is among the first whenever it is there, so it is never dropped; and one that has
 * been dropped never comes back, so nothing of it is counted elsewhere.
 */
final class LabelDictionary {
  /** The id of a token without a value. */
  static final int NONE = -1;

  /** What the values beyond the first are called. */
  static final String OTHER = "…other";

  private static final int MAX_VALUES = 1000;

  /** Ids below the number of fields stand for each field's other values. */
  private final List<LabelField> fields;

  private final List<TreeMap<LabelValue, Entry>> kept = new ArrayList<>();
  private final long[] otherTokens;
  private int nextId;

  private static final class Entry {
    final int id;
    long tokens;

    Entry(int id, long tokens) {
      this.id = id;
      this.tokens = tokens;
    }
  }

  /**
   * A value that is no longer kept.
   *
   * @param from the id it had
   * @param to its field's id for other values
   */
  record Dropped(int from, int to) {}

  LabelDictionary(List<LabelField> fields) {
    this.fields = fields;
    this.otherTokens = new long[fields.size()];
    this.nextId = fields.size();
    fields.forEach(field -> kept.add(new TreeMap<>()));
  }

  /** Counts tokens; until the next {@link #dropSurplus}, all values are kept. */
  void add(int field, LabelValue value, int tokens) {
    kept.get(field).computeIfAbsent(value, v -> new Entry(nextId++, 0)).tokens += tokens;
  }

  /** Drops values beyond the first, and says whose counts have to move. */
  List<Dropped> dropSurplus() {
    List<Dropped> dropped = new ArrayList<>();
    for (int f = 0; f < fields.size(); f++) {
      TreeMap<LabelValue, Entry> values = kept.get(f);
      while (values.size() > MAX_VALUES) {
        Entry last = values.pollLastEntry().getValue();
        otherTokens[f] += last.tokens;
        dropped.add(new Dropped(last.id, f));
      }
    }
    return dropped;
  }

  /** The id of a value that was added; that of the field's others if it is not kept. */
  int id(int field, LabelValue value) {
    Entry entry = kept.get(field).get(value);
    return entry == null ? field : entry.id;
  }

  /**
   * One entry a field, with its values in order and the others last.
   *
   * @param active a feature's active tokens by id
   */
  List<LabelCounts> counts(IntToLongFunction active) {
    List<LabelCounts> counts = new ArrayList<>();
    for (int f = 0; f < fields.size(); f++) {
      List<String> values = new ArrayList<>();
      int size = kept.get(f).size() + (otherTokens[f] > 0 ? 1 : 0);
      long[] activeTokens = new long[size];
      long[] tokens = new long[size];
      for (Map.Entry<LabelValue, Entry> value : kept.get(f).entrySet()) {
        activeTokens[values.size()] = active.applyAsLong(value.getValue().id);
        tokens[values.size()] = value.getValue().tokens;
        values.add(value.getKey().text());
      }
      if (otherTokens[f] > 0) {
        activeTokens[values.size()] = active.applyAsLong(f);
        tokens[values.size()] = otherTokens[f];
        values.add(OTHER);
      }
      LabelField field = fields.get(f);
      Double width = field.binWidth().isPresent() ? field.binWidth().getAsDouble() : null;
      counts.add(
          new LabelCounts(
              field.field(), width, values, new LongList(activeTokens), new LongList(tokens)));
    }
    return counts;
  }

  byte[] toBytes() {
    List<byte[]> texts = new ArrayList<>();
    for (TreeMap<LabelValue, Entry> values : kept) {
      values.keySet().forEach(v -> texts.add(v.text().getBytes(StandardCharsets.UTF_8)));
    }
    int entry = Integer.BYTES + Long.BYTES + Integer.BYTES;
    int perField = Long.BYTES + Integer.BYTES;
    ByteBuffer out =
        ByteBuffer.allocate(
            Integer.BYTES
                + fields.size() * perField
                + texts.size() * entry
                + texts.stream().mapToInt(text -> text.length).sum());
    out.putInt(nextId);
    int t = 0;
    for (int f = 0; f < fields.size(); f++) {
      out.putLong(otherTokens[f]).putInt(kept.get(f).size());
      for (Entry value : kept.get(f).values()) {
        byte[] text = texts.get(t++);
        out.putInt(value.id).putLong(value.tokens).putInt(text.length).put(text);
      }
    }
    return out.array();
  }

  void readFrom(ByteBuffer in) {
    nextId = in.getInt();
    Arrays.fill(otherTokens, 0);
    for (int f = 0; f < fields.size(); f++) {
      otherTokens[f] = in.getLong();
      kept.get(f).clear();
      for (int left = in.getInt(); left > 0; left--) {
        Entry entry = new Entry(in.getInt(), in.getLong());
        byte[] text = new byte[in.getInt()];
        in.get(text);
        kept.get(f).put(LabelValue.of(new String(text, StandardCharsets.UTF_8)), entry);
      }
    }
  }
}
