// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.feature;

import java.util.AbstractList;
import java.util.List;
import java.util.RandomAccess;

/** The numbers of an array as a list that cannot be changed, without an object for each of them. */
public final class FloatList extends AbstractList<Float> implements RandomAccess {
  private final float[] numbers;

  /**
   * @param numbers not copied, and not to be changed afterwards
   */
  public FloatList(float... numbers) {
    this.numbers = numbers;
  }

  /** The list itself if it is one of these, else a copy. */
  public static FloatList of(List<Float> list) {
    if (list instanceof FloatList numbers) {
      return numbers;
    }
    float[] copy = new float[list.size()];
    for (int i = 0; i < copy.length; i++) {
      copy[i] = list.get(i);
    }
    return new FloatList(copy);
  }

  /** As {@link #get}, without an object. */
  public float at(int index) {
    return numbers[index];
  }

  @Override
  public Float get(int index) {
    return numbers[index];
  }

  @Override
  public int size() {
    return numbers.length;
  }
}
