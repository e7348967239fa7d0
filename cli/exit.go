package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/client"
)

// Exit codes of every command.
const (
	exitOK          = 0
	exitError       = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitConflict    = 4
	exitDenied      = 5
	exitUnreachable = 6
	exitTimeout     = 7
	exitInterrupted = 130
)

func exitCodesTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes mean",
		Long: `Exit codes of every command:

    0  done
    1  an error that no other code fits
    2  the command line is wrong
    3  not found, or ended already
    4  conflict: its state forbids it, or the name is ambiguous
    5  no valid token, or not allowed
    6  the Hub or Space cannot be reached, or its certificate is not good
    7  timeout
  130  interrupted

"inst attach" and "seq start -f" end with the program's own exit code once the
Instance has ended: 0 completed, 20 bad environment, 21 main is missing, 22 failed
while loading, 23 failed while running, 101 uncaught exception, 137 killed, 138
stopped, or the code the program chose.`,
	}
}

// usageError is a command line that is wrong.
type usageError struct{ text, hint string }

func (e *usageError) Error() string { return e.text }

func usage(format string, args ...any) *usageError {
	return &usageError{text: fmt.Sprintf(format, args...)}
}

// hinted is an error with the next step to take.
type hinted struct {
	error
	hint string
}

func (e *hinted) Unwrap() error { return e.error }

// programExit is an end with a code that has no place in the table: that of an
// attached program is the command's own.
type programExit struct {
	code   int
	reason string
}

func (e *programExit) Error() string { return e.reason }

// Exit ends the command with a code of its own. Without a reason nothing is told.
func Exit(code int, reason string) error { return &programExit{code, reason} }

// Main runs root and answers the exit code. Errors are told on stderr, each
// with a hint where there is a next step.
func Main(ctx context.Context, root *cobra.Command) int {
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return exitInterrupted
	}
	if err.Error() != "" {
		tell(root.ErrOrStderr(), cmd, err)
	}
	return exitCode(err)
}

func exitCode(err error) int {
	var program *programExit
	var bad *usageError
	switch {
	case errors.As(err, &program):
		return program.code
	case errors.As(err, &bad):
		return exitUsage
	case errors.As(err, new(*client.UnreachableError)), errors.As(err, new(*client.UntrustedError)):
		return exitUnreachable
	case errors.Is(err, context.DeadlineExceeded):
		return exitTimeout
	}
	switch waverider.KindOf(err) {
	case waverider.NotFound, waverider.Gone:
		return exitNotFound
	case waverider.Conflict:
		return exitConflict
	case waverider.Unauthorized, waverider.Forbidden:
		return exitDenied
	case waverider.Timeout:
		return exitTimeout
	}
	return exitError
}

// tell prints err and its hints: one line each, `waverider:` before it.
func tell(w io.Writer, cmd *cobra.Command, err error) {
	fmt.Fprintf(w, "waverider: %s\n", strings.ReplaceAll(plain(err.Error()), "\n", "\nwaverider: "))
	for _, h := range hints(cmd, err) {
		fmt.Fprintf(w, "waverider: hint: %s\n", h)
	}
}

func hints(cmd *cobra.Command, err error) (out []string) {
	var bad *usageError
	var with *hinted
	var away *client.UnreachableError
	var other *client.UntrustedError
	var e *waverider.Error
	switch {
	case errors.As(err, &bad):
		if bad.hint != "" {
			out = append(out, bad.hint)
		}
		return append(out, fmt.Sprintf("%s --help shows how it is used", cmd.CommandPath()))
	case errors.As(err, &with):
		out = append(out, with.hint)
	case errors.As(err, &away):
		return []string{fmt.Sprintf("is it running? \"waverider %s\" starts one; --url or WAVERIDER_URL names another", strings.ToLower(cmp.Or(away.Who, "Hub")))}
	case errors.As(err, &other):
		return []string{trustHint(other)}
	}
	if !errors.As(err, &e) {
		return out
	}
	if noHub(err) && with == nil {
		out = append(out, "waverider space hubs shows what there is")
	}
	if list, ok := e.Detail["candidates"].([]any); ok {
		for _, c := range list {
			out = append(out, fmt.Sprintf("it may be %v", c))
		}
	}
	if id, ok := e.Detail["request"].(string); ok {
		out = append(out, "the log there (waverider hub logs, waverider space logs) names the cause at request "+id)
	}
	if e.Kind == waverider.Unauthorized {
		out = append(out, "give a token that is good there with --token-file or WAVERIDER_TOKEN_FILE")
	}
	return out
}

// trustHint says what to do about a certificate.
func trustHint(e *client.UntrustedError) string {
	switch {
	case !e.Unknown():
		return "check the address and the clock of this machine; a Space takes names for its certificate with --host NAME"
	case e.CA != "":
		return "it is not the one in " + e.CA + " (--ca, WAVERIDER_CA): get the file anew, if you are sure that the right " + e.Who + " answers"
	}
	return "a Space that made its certificate itself prints the name of the file when it starts: copy that here and give it with --ca FILE or WAVERIDER_CA"
}
