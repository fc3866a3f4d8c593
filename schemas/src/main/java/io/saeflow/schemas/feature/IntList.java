// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.feature;

import java.util.AbstractList;
import java.util.List;
import java.util.RandomAccess;

/** The numbers of an array as a list that cannot be changed, without an object for each of them. */
public final class IntList extends AbstractList<Integer> implements RandomAccess {
  private final int[] numbers;

  /**
   * @param numbers not copied, and not to be changed afterwards
   */
  public IntList(int... numbers) {
    this.numbers = numbers;
  }

  /** The list itself if it is one of these, else a copy. */
  public static IntList of(List<Integer> list) {
    if (list instanceof IntList numbers) {
      return numbers;
    }
    int[] copy = new int[list.size()];
    for (int i = 0; i < copy.length; i++) {
      copy[i] = list.get(i);
    }
    return new IntList(copy);
  }

  /** As {@link #get}, without an object. */
  public int at(int index) {
    return numbers[index];
  }

  @Override
  public Integer get(int index) {
    return numbers[index];
  }

  @Override
  public int size() {
    return numbers.length;
  }
}
