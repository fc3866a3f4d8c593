// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.demo;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What the demo found, read back from the sae-viewer files that it wrote.
 *
 * @param features files found, one a feature
 * @param alive features that fired at least once
 * @param notes the most telling features, at most {@link #NOTES}; the same files, the same notes
 */
public record DemoReport(int features, int alive, List<Note> notes) {
  /** How many features are described. */
  public static final int NOTES = 8;

  private static final int WORDS = 4;
  private static final int MIN_EXAMPLES = 5;
  // Rarer ones may be accidents of a short text; denser ones fire on everything.
  private static final double MIN_DENSITY = 1e-4;
  private static final double MAX_DENSITY = 1e-2;

  /**
   * One feature in words.
   *
   * @param feature the latent's index
   * @param density the share of tokens on which it fires
   * @param peak its largest activation
   * @param words at its strongest examples, the most frequent first
   * @param context the strongest example
   */
  public record Note(int feature, double density, double peak, List<String> words, String context) {
    public Note {
      words = List.copyOf(words);
    }
  }

  private record Candidate(int feature, Atom atom) {
    /** Strong when it fires, and seldom. */
    double score() {
      double mean = atom.top().stream().mapToDouble(Atom.Row::act).average().orElse(0);
      return mean * -Math.log(atom.density());
    }
  }

  public DemoReport {
    notes = List.copyOf(notes);
  }

  /**
   * Reads {@code atoms/0.json} and on, until there is no next.
   *
   * @throws IOException if a file cannot be read or is not a sae-viewer record
   */
  public static DemoReport read(Path atoms) throws IOException {
    ObjectMapper json = new ObjectMapper();
    List<Candidate> candidates = new ArrayList<>();
    int features = 0;
    int alive = 0;
    for (; ; features++) {
      Path file = atoms.resolve(features + ".json");
      if (!Files.exists(file)) {
        break;
      }
      Atom atom = json.readValue(Files.readAllBytes(file), Atom.class);
      if (atom.density() > 0) {
        alive++;
      }
      if (atom.density() >= MIN_DENSITY
          && atom.density() <= MAX_DENSITY
          && atom.top().size() >= MIN_EXAMPLES) {
        candidates.add(new Candidate(features, atom));
      }
    }
    return new DemoReport(features, alive, notes(candidates));
  }

  /** Prints the report as a few lines of text. */
  public void print(PrintWriter out) {
    out.println(
        format(
            "features alive: %,d of %,d (%,d never fired on this text)",
            alive, features, features - alive));
    if (!notes.isEmpty()) {
      out.println("some of them:");
    }
    for (Note note : notes) {
      out.println(
          format(
              "  feature %-6d fires on %.2f%% of tokens, peak %.1f: %s",
              note.feature(), note.density() * 100, note.peak(), String.join(", ", note.words())));
      out.println("    " + note.context());
    }
  }

  private static List<Note> notes(List<Candidate> candidates) {
    List<Candidate> best = new ArrayList<>(candidates);
    best.sort(
        Comparator.comparingDouble(Candidate::score)
            .reversed()
            .thenComparingInt(Candidate::feature));
    List<Note> notes = new ArrayList<>();
    Set<String> shown = new HashSet<>();
    for (Candidate candidate : best) {
      List<String> words = words(candidate.atom());
      // Features come in families; one of each says more.
      if (notes.size() == NOTES || words.isEmpty() || !shown.add(words.get(0))) {
        continue;
      }
      Atom.Row strongest = strongest(candidate.atom());
      notes.add(
          new Note(
              candidate.feature(),
              candidate.atom().density(),
              strongest.act(),
              words,
              strongest.context()));
    }
    return notes;
  }

  private static Atom.Row strongest(Atom atom) {
    Atom.Row strongest = atom.top().get(0);
    for (Atom.Row row : atom.top()) {
      if (row.act() > strongest.act()) {
        strongest = row;
      }
    }
    return strongest;
  }

  private static List<String> words(Atom atom) {
    Map<String, Integer> counts = new LinkedHashMap<>();
    for (Atom.Row row : atom.top()) {
      String word = row.word();
      if (word.chars().anyMatch(Character::isLetterOrDigit)) {
        counts.merge(word, 1, Integer::sum);
      }
    }
    return counts.entrySet().stream()
        .sorted(
            Map.Entry.<String, Integer>comparingByValue()
                .reversed()
                .thenComparing(Map.Entry.comparingByKey()))
        .limit(WORDS)
        .map(Map.Entry::getKey)
        .collect(Collectors.toList());
  }

  private static String format(String pattern, Object... values) {
    return String.format(Locale.ROOT, pattern, values);
  }
}
