// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.sinks.verify.Report;
import io.saeflow.sinks.verify.RunVerification;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "verify",
    description = "Check that a finished run's files are whole and agree with each other.",
    mixinStandardHelpOptions = true,
    versionProvider = Saeflow.Version.class,
    sortOptions = false)
final class VerifyCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      required = true,
      description = "A finished run's output folder.")
  private Path out;

  @Override
  public Integer call() throws IOException {
    Report report;
    try {
      report = RunVerification.verify(out);
    } catch (NoSuchFileException e) {
      throw new BadInputException(e.getMessage(), e);
    }
    PrintWriter lines = spec.commandLine().getOut();
    report.lines().forEach(lines::println);
    if (report.problems() > report.lines().size()) {
      lines.println("and %d more".formatted(report.problems() - report.lines().size()));
    }
    lines.println(
        report.sound()
            ? "%s: sound, %d files checked".formatted(out, report.files())
            : "%s: %d problems, %d files checked"
                .formatted(out, report.problems(), report.files()));
    lines.flush();
    return report.sound() ? 0 : Saeflow.FAILURE;
  }
}
