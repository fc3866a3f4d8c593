// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.demo;

import java.util.List;
import java.util.Locale;

/** Words, of which a token may be only a piece. */
final class Words {
  private static final int CONTEXT_CHARACTERS = 32;

  private Words() {}

  /** The word that token {@code index} is in, in lower case; a mark if it is not in a word. */
  static String around(List<String> tokens, int index) {
    String text = String.join("", tokens);
    int[] span = span(tokens, index, text);
    return text.substring(span[0], span[1]).strip().toLowerCase(Locale.ROOT);
  }

  /** That word between guillemets, in one line of text. */
  static String context(List<String> tokens, int index) {
    String text = String.join("", tokens);
    int[] span = span(tokens, index, text);
    int from = Math.max(0, span[0] - CONTEXT_CHARACTERS);
    int to = Math.min(text.length(), span[1] + CONTEXT_CHARACTERS);
    // Whole words at both ends.
    while (from > 0 && from < span[0] && !Character.isWhitespace(text.charAt(from - 1))) {
      from++;
    }
    while (to < text.length() && to > span[1] && !Character.isWhitespace(text.charAt(to))) {
      to--;
    }
    String line =
        text.substring(from, span[0])
            + "«"
            + text.substring(span[0], span[1])
            + "»"
            + text.substring(span[1], to);
    return line.replaceAll("\\s+", " ").strip();
  }

  /** Where in {@code text} the word begins and ends. */
  private static int[] span(List<String> tokens, int index, String text) {
    int start = 0;
    for (String token : tokens.subList(0, index)) {
      start += token.length();
    }
    int end = start + tokens.get(index).length();
    while (start < end - 1 && Character.isWhitespace(text.charAt(start))) {
      start++;
    }
    while (start > 0 && inWord(text, start) && inWord(text, start - 1)) {
      start--;
    }
    while (end < text.length() && end > 0 && inWord(text, end - 1) && inWord(text, end)) {
      end++;
    }
    return new int[] {start, end};
  }

  private static boolean inWord(String text, int place) {
    return place < text.length() && Character.isLetterOrDigit(text.charAt(place));
  }
}
