package demo;

import java.io.Serializable;

/** A request of clients that use Bolt without SOFARPC. */
public final class Ask implements Serializable {
    private static final long serialVersionUID = 1;

    public String name;
}
