package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// queryLogger passes on to slog what is worth reading: slow statements and unexpected errors. A missing
// row, a duplicate and a violated constraint are answers, not errors; a cancelled request is neither.
type queryLogger struct {
	log  *slog.Logger
	slow time.Duration
}

// LogMode implements [logger.Interface]; the level is slog's business.
func (l *queryLogger) LogMode(logger.LogLevel) logger.Interface { return l }

// Info implements [logger.Interface].
func (l *queryLogger) Info(ctx context.Context, format string, args ...any) {
	l.log.InfoContext(ctx, fmt.Sprintf(format, args...))
}

// Warn implements [logger.Interface].
func (l *queryLogger) Warn(ctx context.Context, format string, args ...any) {
	l.log.WarnContext(ctx, fmt.Sprintf(format, args...))
}

// Error implements [logger.Interface].
func (l *queryLogger) Error(ctx context.Context, format string, args ...any) {
	l.log.ErrorContext(ctx, fmt.Sprintf(format, args...))
}

// ParamsFilter keeps values, which may be personal, out of what is logged.
func (l *queryLogger) ParamsFilter(_ context.Context, statement string, _ ...any) (string, []any) {
	return statement, nil
}

// Trace implements [logger.Interface].
func (l *queryLogger) Trace(ctx context.Context, begin time.Time, statement func() (string, int64), err error) {
	took := time.Since(begin)
	level, message := slog.LevelDebug, "statement"
	switch {
	case err != nil && !expected(err):
		level, message = slog.LevelWarn, "statement failed"
	case took > l.slow:
		level, message = slog.LevelWarn, "slow statement"
	}
	if !l.log.Enabled(ctx, level) {
		return
	}
	text, rows := statement()
	attrs := []slog.Attr{
		slog.String("sql", text), slog.Int64("rows", rows), slog.Float64("took_ms", float64(took.Microseconds())/1000),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", reason(err)))
	}
	l.log.LogAttrs(ctx, level, message, attrs...)
}

func expected(err error) bool {
	return errors.Is(err, gorm.ErrRecordNotFound) || errors.Is(err, context.Canceled) ||
		IsDuplicate(err) || IsCheckViolation(err) || IsForeignKeyViolation(err) || isTransient(err)
}

// reason is the error without the server's text, which may quote a value.
func reason(err error) string {
	if code := mysqlCode(err); code != 0 {
		return fmt.Sprintf("MySQL error %d", code)
	}
	return err.Error()
}
