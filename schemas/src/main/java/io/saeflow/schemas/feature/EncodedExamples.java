// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.feature;

import java.io.IOException;
import java.util.AbstractList;
import java.util.List;
import java.util.RandomAccess;
import org.apache.avro.io.Encoder;

/**
 * Examples of a record as a list that cannot be changed. Each is decoded whenever it is asked for,
 * and is not when the record is written.
 */
public final class EncodedExamples extends AbstractList<Example> implements RandomAccess {
  private final List<EncodedExample> examples;

  /** The list of the examples' decoded forms. */
  public EncodedExamples(List<EncodedExample> examples) {
    this.examples = List.copyOf(examples);
  }

  @Override
  public Example get(int index) {
    return examples.get(index).decode();
  }

  @Override
  public int size() {
    return examples.size();
  }

  /** Writes one example after the other. */
  void writeTo(Encoder out) throws IOException {
    for (EncodedExample example : examples) {
      example.writeTo(out);
    }
  }
}
