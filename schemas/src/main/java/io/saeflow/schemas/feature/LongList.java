// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.feature;

import java.util.AbstractList;
import java.util.List;
import java.util.RandomAccess;

/** The numbers of an array as a list that cannot be changed, without an object for each of them. */
public final class LongList extends AbstractList<Long> implements RandomAccess {
  private final long[] numbers;

  /**
   * @param numbers not copied, and not to be changed afterwards
   */
  public LongList(long... numbers) {
    this.numbers = numbers;
  }

  /** The list itself if it is one of these, else a copy. */
  public static LongList of(List<Long> list) {
    if (list instanceof LongList numbers) {
      return numbers;
    }
    long[] copy = new long[list.size()];
    for (int i = 0; i < copy.length; i++) {
      copy[i] = list.get(i);
    }
    return new LongList(copy);
  }

  /** As {@link #get}, without an object. */
  public long at(int index) {
    return numbers[index];
  }

  @Override
  public Long get(int index) {
    return numbers[index];
  }

  @Override
  public int size() {
    return numbers.length;
  }
}
