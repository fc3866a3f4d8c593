// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.Pipeline;
import io.saeflow.compose.PipelineRunner;
import io.saeflow.compose.SaeflowVersion;
import io.saeflow.compose.SampledText;
import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.demo.DemoCache;
import io.saeflow.compose.demo.ModelText;
import io.saeflow.compose.role.StoppedException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The command line's entry point. Exit codes: 0 done, 1 failure, 2 bad usage or bad input. */
@Command(
    name = "saeflow",
    description = "Statistics and examples of every sparse-autoencoder feature, from one pass.",
    mixinStandardHelpOptions = true,
    versionProvider = Saeflow.Version.class,
    synopsisSubcommandLabel = "COMMAND",
    footer = {"", "'saeflow COMMAND --help' describes a command's options."})
public final class Saeflow implements Runnable {
  static final int FAILURE = 1;
  static final int BAD_INPUT = 2;

  @Spec private CommandSpec spec;

  @Option(
      names = "--verbose",
      scope = ScopeType.INHERIT,
      description = "Log what the parts do, and show the stack trace of a failure.")
  private boolean verbose;

  private Saeflow() {}

  /** Runs one command and ends the process with its exit code. */
  public static void main(String[] args) {
    PrintWriter out = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
    PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
    int exitCode = FAILURE;
    try {
      Path home = Path.of(System.getProperty("saeflow.home", "compose"));
      exitCode =
          commandLine(new Pipeline(), new SampledText(), home, DemoCache.locate())
              .setOut(out)
              .setErr(err)
              .execute(args);
    } catch (Throwable e) {
      // An error of the JVM itself, such as no more memory: other threads must not keep it alive.
      err.println("saeflow: " + e);
    }
    System.exit(exitCode);
  }

  /**
   * The command line on the given parts.
   *
   * @param home the folder that holds the demo's model
   * @param cache the folder that keeps the demo's text
   */
  static CommandLine commandLine(PipelineRunner runner, ModelText text, Path home, Path cache) {
    Saeflow saeflow = new Saeflow();
    CommandLine commandLine = new CommandLine(saeflow);
    commandLine.addSubcommand(new RunCommand(runner));
    commandLine.addSubcommand(new DemoCommand(runner, text, home, cache));
    commandLine.addSubcommand(new ViewCommand());
    commandLine.addSubcommand(new BrokerCommand());
    commandLine.addSubcommand(new FeedCommand());
    commandLine.addSubcommand(new ProduceCommand());
    commandLine.addSubcommand(new ProcessCommand());
    commandLine.addSubcommand(new SinkCommand());
    commandLine.addSubcommand(new JoinCommand());
    commandLine.addSubcommand(new DevicesCommand());
    commandLine.addSubcommand(new StatusCommand());
    commandLine.addSubcommand(new DeadLettersCommand());
    commandLine.addSubcommand(new VerifyCommand());
    commandLine.setCaseInsensitiveEnumValuesAllowed(true);
    commandLine.setUsageHelpAutoWidth(true);
    commandLine.setExecutionStrategy(
        parsed -> {
          if (saeflow.verbose) {
            // Read when the first logger is made, which is after this.
            System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "info");
          }
          return new CommandLine.RunLast().execute(parsed);
        });
    commandLine.setParameterExceptionHandler(Saeflow::badUsage);
    commandLine.setExecutionExceptionHandler(
        (failure, command, parsed) -> failure(failure, command, saeflow.verbose));
    return commandLine;
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "no command");
  }

  private static int badUsage(ParameterException failure, String[] args) {
    CommandLine command = failure.getCommandLine();
    command
        .getErr()
        .println(
            "saeflow: %s (see '%s --help')"
                .formatted(
                    oneLine(failure.getMessage()), command.getCommandSpec().qualifiedName()));
    return BAD_INPUT;
  }

  private static int failure(Exception failure, CommandLine command, boolean verbose) {
    if (failure instanceof StoppedException) {
      return FAILURE; // the pipeline has said so itself
    }
    PrintWriter err = command.getErr();
    err.println("saeflow: " + description(failure));
    if (verbose) {
      failure.printStackTrace(err);
    }
    err.flush();
    return failure instanceof BadInputException ? BAD_INPUT : FAILURE;
  }

  private static String description(Exception failure) {
    String message = failure.getMessage();
    if (failure instanceof BadInputException && message != null) {
      return oneLine(message);
    }
    // The type tells what an exception of the JDK means: many have a file's name for a message.
    String type = failure.getClass().getSimpleName();
    return message == null || message.isBlank() ? type : type + ": " + oneLine(message);
  }

  private static String oneLine(String message) {
    return message.strip().replaceAll("\\s*\\R\\s*", " ");
  }

  /** The build's version. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {"saeflow " + SaeflowVersion.current()};
    }
  }
}
