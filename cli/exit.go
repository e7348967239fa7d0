package cli

import (
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
    6  the Hub cannot be reached
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
	var away *client.UnreachableError
	switch {
	case errors.As(err, &program):
		return program.code
	case errors.As(err, &bad):
		return exitUsage
	case errors.As(err, &away):
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
		return []string{"is it running? \"waverider hub\" starts one; --url or WAVERIDER_URL names another"}
	}
	if !errors.As(err, &e) {
		return out
	}
	if list, ok := e.Detail["candidates"].([]any); ok {
		for _, c := range list {
			out = append(out, fmt.Sprintf("it may be %v", c))
		}
	}
	if id, ok := e.Detail["request"].(string); ok {
		out = append(out, "the Hub's log (waverider hub logs) names the cause at request "+id)
	}
	if e.Kind == waverider.Unauthorized {
		out = append(out, "give the token of this Hub with --token-file or WAVERIDER_TOKEN_FILE")
	}
	return out
}
