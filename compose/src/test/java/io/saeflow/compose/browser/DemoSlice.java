// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.browser;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.saeflow.compose.config.ExistingOutput;
import io.saeflow.compose.config.OutputConfig;
import io.saeflow.compose.config.RunConfig;
import io.saeflow.compose.demo.DemoRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/** A run of the demo's model that needs no network: its text is this project's licence. */
final class DemoSlice {
  static final int LATENTS = 4096;
  static final String SAE = "demo-4096";

  private static final int DECADES = 12;

  private DemoSlice() {}

  /** The run of so many tokens, whose text is put into {@code folder}. */
  static RunConfig config(Path folder, long tokens) throws IOException {
    Path text = folder.resolve("text.jsonl");
    Files.writeString(text, documents(tokens));
    return DemoRun.config(Path.of(""), text, OptionalLong.of(tokens));
  }

  /** Where it is written: {@code folder}/out. */
  static OutputConfig output(Path folder) {
    return new OutputConfig(
        folder.resolve("out"), ExistingOutput.REFUSE, OutputConfig.DEFAULT_SINKS);
  }

  /** Paragraphs over and over, labelled as the demo's; a token is longer than a character. */
  private static String documents(long tokens) throws IOException {
    String[] paragraphs = Files.readString(Path.of("../LICENSE")).strip().split("\\n\\s*\\n");
    StringBuilder lines = new StringBuilder();
    for (int i = 0; lines.length() < 8 * tokens; i++) {
      ObjectNode document = new ObjectMapper().createObjectNode();
      document.put("text", paragraphs[i % paragraphs.length].strip().replaceAll(" +", " "));
      document.put("year", 1900 + 10 * (i % DECADES));
      document.put("party", i % 3 == 0 ? "Whig" : "Tory");
      lines.append(document).append('\n');
    }
    return lines.toString();
  }
}
