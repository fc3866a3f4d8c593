// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What README files call a class is a class. */
class ReadmeTest {
  private static final Pattern BACKTICKED = Pattern.compile("`([^`\\s]+)`");
  private static final Pattern QUALIFIED = Pattern.compile("\\bio\\.saeflow(?:\\.\\w+)*");
  private static final Pattern CAMEL_CASE =
      Pattern.compile("[A-Z][a-z0-9]+(?:[A-Z][A-Za-z0-9]*)+(?:\\.[A-Z]\\w+)?");
  private static final Pattern DECLARED =
      Pattern.compile("\\b(?:class|interface|record|enum) ([A-Z]\\w+)");
  private static final Pattern AVRO_NAME = Pattern.compile("\"name\": \"([A-Z]\\w+)\"");

  /** Names of other projects that look like ours. */
  private static final Set<String> FOREIGN =
      Set.of("NeuronRecord", "TopK", "TorchScript", "TransformerLens");

  private final Path project = Path.of("").toAbsolutePath().getParent();

  @Test
  void everyClassThatAReadmeNamesExists() throws IOException {
    Set<String> known = knownNames();
    assertThat(known).contains("ReadmeTest", "EmbeddedBroker", "FeatureRecord");

    for (Path readme : readmes()) {
      assertThat(unknown(Files.readString(readme), known)).as(readme.toString()).isEmpty();
    }
  }

  @Test
  void aNameThatIsNoClassIsFound() throws IOException {
    String text = "See `EmbeddedBroker`, `BrokerOfDreams`, `io.saeflow.dreams` and `TopK`.";

    assertThat(unknown(text, knownNames())).containsExactly("BrokerOfDreams", "io.saeflow.dreams");
  }

  private Set<String> unknown(String text, Set<String> known) {
    Set<String> unknown = new TreeSet<>();
    Matcher quoted = BACKTICKED.matcher(text);
    while (quoted.find()) {
      String name = quoted.group(1);
      if (CAMEL_CASE.matcher(name).matches()
          && !FOREIGN.contains(name)
          && !known.contains(name.substring(name.indexOf('.') + 1))) {
        unknown.add(name);
      }
    }
    Matcher qualified = QUALIFIED.matcher(text);
    while (qualified.find()) {
      if (!isPackage(qualified.group())
          && !known.contains(qualified.group().substring(qualified.group().lastIndexOf('.') + 1))) {
        unknown.add(qualified.group());
      }
    }
    return unknown;
  }

  private boolean isPackage(String name) {
    String folder = name.replace('.', '/');
    return modules().stream()
        .anyMatch(module -> Files.isDirectory(module.resolve("src/main/java").resolve(folder)));
  }

  private Set<String> knownNames() throws IOException {
    Set<String> names = new TreeSet<>();
    for (Path module : modules()) {
      for (Path file : files(module.resolve("src"))) {
        String name = file.getFileName().toString();
        if (name.endsWith(".java")) {
          addAll(names, DECLARED, file);
        } else if (name.endsWith(".avsc")) {
          addAll(names, AVRO_NAME, file);
        }
      }
    }
    return names;
  }

  private List<Path> readmes() {
    return Stream.concat(Stream.of(project), modules().stream())
        .map(folder -> folder.resolve("README.md"))
        .filter(Files::exists)
        .toList();
  }

  private List<Path> modules() {
    return Stream.of("schemas", "kernels", "producer", "processors", "sinks", "compose")
        .map(project::resolve)
        .toList();
  }

  private static void addAll(Set<String> names, Pattern pattern, Path file) throws IOException {
    Matcher matcher = pattern.matcher(Files.readString(file));
    while (matcher.find()) {
      names.add(matcher.group(1));
    }
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> paths = Files.walk(folder)) {
      return paths.filter(Files::isRegularFile).toList();
    }
  }
}
