package demo;

/** The declared failure of {@link Greeter#failChecked}. */
public class GreeterException extends Exception {
    private int code;

    public GreeterException() {}

    public GreeterException(String message, int code) {
        super(message);
        this.code = code;
    }

    public int getCode() {
        return code;
    }

    public void setCode(int code) {
        this.code = code;
    }
}
