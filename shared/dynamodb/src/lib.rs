//! hourglass-dynamodb
