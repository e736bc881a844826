package database

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Time is an instant in a BIGINT column, as microseconds since 1970 in UTC: exact and ordered alike on
// both engines, whatever the time zone of server, connection and process. Make one with [At], which cuts
// off what the column could not hold, so that what is read equals what was written.
type Time struct {
	time.Time
}

// At returns the instant in UTC, to the microsecond.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Microsecond)} }

// GormDataType implements GORM's GormDataTypeInterface.
func (Time) GormDataType() string { return "bigint" }

// Value implements [driver.Valuer].
func (t Time) Value() (driver.Value, error) { return t.UnixMicro(), nil }

// Scan implements sql.Scanner. NULL is refused: that is what [NullTime] is for.
func (t *Time) Scan(value any) error {
	switch v := value.(type) {
	case int64:
		*t = Time{time.UnixMicro(v).UTC()}
	case []byte:
		return t.parse(string(v))
	case string:
		return t.parse(v)
	case time.Time:
		*t = At(v)
	default:
		return fmt.Errorf("a time cannot be read from %T", value)
	}
	return nil
}

func (t *Time) parse(text string) error {
	micros, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("a time is not a count of microseconds: %w", err)
	}
	*t = Time{time.UnixMicro(micros).UTC()}
	return nil
}

// NullTime is a [Time] in a column that may be NULL. The zero value is NULL.
type NullTime struct {
	Time  time.Time
	Valid bool
}

// NullAt returns the instant like [At], and NULL for the zero time.
func NullAt(t time.Time) NullTime {
	if t.IsZero() {
		return NullTime{}
	}
	return NullTime{Time: At(t).Time, Valid: true}
}

// NullAtPtr returns the instant like [At], and NULL for nil.
func NullAtPtr(t *time.Time) NullTime {
	if t == nil {
		return NullTime{}
	}
	return NullTime{Time: At(*t).Time, Valid: true}
}

// Ptr returns the instant, or nil for NULL.
func (t NullTime) Ptr() *time.Time {
	if !t.Valid {
		return nil
	}
	at := t.Time
	return &at
}

// GormDataType implements GORM's GormDataTypeInterface.
func (NullTime) GormDataType() string { return "bigint" }

// Value implements [driver.Valuer].
func (t NullTime) Value() (driver.Value, error) {
	if !t.Valid {
		return nil, nil
	}
	return t.Time.UnixMicro(), nil
}

// Scan implements sql.Scanner.
func (t *NullTime) Scan(value any) error {
	if value == nil {
		*t = NullTime{}
		return nil
	}
	var at Time
	if err := at.Scan(value); err != nil {
		return err
	}
	*t = NullTime{Time: at.Time, Valid: true}
	return nil
}

// JSON is a document in a LONGTEXT column. It is opaque to the database: what is searched has a column
// of its own. NULL and the empty text read as the zero value.
type JSON[T any] struct {
	V T
}

// AsJSON wraps a value for a column.
func AsJSON[T any](v T) JSON[T] { return JSON[T]{V: v} }

// GormDataType implements GORM's GormDataTypeInterface.
func (JSON[T]) GormDataType() string { return "longtext" }

// Value implements [driver.Valuer].
func (j JSON[T]) Value() (driver.Value, error) {
	data, err := json.Marshal(j.V)
	if err != nil {
		return nil, fmt.Errorf("write %T as JSON: %w", j.V, err)
	}
	return string(data), nil
}

// Scan implements sql.Scanner.
func (j *JSON[T]) Scan(value any) error {
	var data []byte
	switch v := value.(type) {
	case nil:
	case []byte:
		data = v
	case string:
		data = []byte(v)
	default:
		return fmt.Errorf("JSON cannot be read from %T", value)
	}
	var decoded T
	if len(data) > 0 {
		if err := json.Unmarshal(data, &decoded); err != nil {
			return fmt.Errorf("read %T from JSON: %w", decoded, err)
		}
	}
	j.V = decoded
	return nil
}

// MarshalJSON writes the value alone.
func (j JSON[T]) MarshalJSON() ([]byte, error) { return json.Marshal(j.V) }

// UnmarshalJSON reads the value alone.
func (j *JSON[T]) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &j.V) }
